"""Names in the hospitals' data, and names of states, in both languages.

Names without a translation stay as the hospital wrote them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from markupsafe import Markup

from guahao.flows.supply.week import NO_CLINIC, NO_MATCH
from guahao.store.kernel.views import HospitalView, SessionView
from guahao.words.catalogue import Language
from guahao.words.text import Words

GRADES = {
    "三级特等": Words("三级特等"),
    "三级甲等": Words("三级甲等"),
    "三级乙等": Words("三级乙等"),
    "三级丙等": Words("三级丙等"),
    "三级": Words("三级"),
    "二级甲等": Words("二级甲等"),
    "二级乙等": Words("二级乙等"),
    "二级丙等": Words("二级丙等"),
    "二级": Words("二级"),
    "一级甲等": Words("一级甲等"),
    "一级乙等": Words("一级乙等"),
    "一级丙等": Words("一级丙等"),
    "一级": Words("一级", "states"),
    "未定级": Words("未定级"),
}
DAY_STATES = {
    "available": Words("有号"),
    "by_draw": Words("待抽签", "states"),
    "full": Words("约满"),
    "not_released": Words("未放号"),
    "closed": Words("已截止"),
    "stopped": Words("停诊"),
    NO_CLINIC: Words("无门诊"),
    NO_MATCH: Words("无此类"),
}
STATUSES = {
    "booked": Words("待取号"),
    "picked_up": Words("已取号"),
    "cancelled": Words("已退号"),
    "stopped": Words("医院停诊"),
    "no_show": Words("爽约", "chat"),
    "unverified": Words("已过期", "states"),
}


def said(words: Mapping[str, Words], text: str, language: Language) -> str:
    """Translate a word of the data, or return it as it was written."""
    known = words.get(text)
    return text if known is None else known.of(language)


def named(name: str, name_en: str, language: Language) -> str:
    """Return the English name for an English reader, where there is one."""
    return name_en if language == "en" and name_en else name


class Names:
    """Names and states in the reader's language, for templates.

    `titles_en`, `specialties_en`: the English of the city's titles and of specialties.
    """

    def __init__(
        self,
        language: Language,
        titles_en: Mapping[str, str],
        specialties_en: Mapping[str, str] | None = None,
    ) -> None:
        self._language = language
        self._titles_en = titles_en
        self._specialties_en = specialties_en or {}

    def name(self, name: str, name_en: str) -> str:
        """Return a hospital's, department's or district's name."""
        return named(name, name_en, self._language)

    def title(self, title: str) -> str:
        """Write 主任医师 or Chief physician."""
        return named(title, self._titles_en.get(title, ""), self._language)

    def place(self, of: HospitalView | SessionView) -> str:
        """Return where to pick up; empty where the hospital names no place."""
        return named(of.pickup_place, of.pickup_place_en, self._language)

    def specialty(self, specialty: str) -> str:
        """Write 高血压 or High blood pressure."""
        return named(specialty, self._specialties_en.get(specialty, ""), self._language)

    def marked(self, text: str, text_en: str = "") -> str:
        """Return a text of the data; on an English page Chinese is marked as such."""
        if self._language == "zh" or text_en:
            return named(text, text_en, self._language)
        return Markup('<span lang="zh-CN">{}</span>').format(text) if text else ""

    def marked_specialty(self, specialty: str) -> str:
        """Return a specialty; on an English page Chinese is marked as such."""
        return self.marked(specialty, self._specialties_en.get(specialty, ""))

    def grade(self, grade: str) -> str:
        """Write 三级甲等 or Grade 3A."""
        return said(GRADES, grade, self._language)

    def day_state(self, state: str) -> str:
        """Write 有号 or Open."""
        return said(DAY_STATES, state, self._language)

    def status(self, status: str) -> str:
        """Write 待取号 or Booked."""
        return said(STATUSES, status, self._language)


def message_kinds(say: Callable[[str], str]) -> dict[str, str]:
    """Return the name of each kind of message; `say`: a page's."""
    return {
        "otp": say("登录验证码"),
        "call_code": say("客服核实码"),
        "move_code": say("换手机验证码"),
        "moved_away": say("就诊人转出"),
        "moved_here": say("就诊人转入"),
        "displaced": say("登记被取代"),
        "merged": say("登记合并"),
        "booked": say("预约成功"),
        "rescheduled": say("改约成功"),
        "cancelled": say("退号"),
        "stopped": say("停诊"),
        "substituted": say("停诊换医生"),
        "replacement_offered": say("停诊后留号"),
        "replacement_lapsed": say("留号到期"),
        "no_show": say("爽约"),
        "suspended": say("暂停预约"),
        "reminder": say("就诊提醒"),
        "excused": say("申诉成立"),
        "excuse_withdrawn": say("撤回申诉"),
        "relieved": say("放宽暂停"),
        "draw_won": say("抽签抽中"),
        "call_back_missed": say("回电未打通"),
        "application_registered": say("候补登记成功"),
        "application_ended": say("候补结束"),
    }


def task_kinds(say: Callable[[str], str]) -> dict[str, str]:
    """Return the name of each kind of task, a call to make; `say`: a page's."""
    return {
        "stopped": say("停诊通知未送达"),
        "substituted": say("换医生通知未送达"),
        "replacement_offered": say("停诊留号通知未送达"),
        "replacement_lapsed": say("留号到期通知"),
        "cancelled": say("退号通知未送达"),
        "call_back": say("请求回电"),
        "booked": say("预约短信未送达"),
        "rescheduled": say("改约短信未送达"),
        "reminder": say("就诊提醒"),
        "no_show": say("爽约通知"),
        "excused": say("申诉成立通知"),
        "excuse_withdrawn": say("撤回申诉通知"),
        "suspended": say("暂停预约通知"),
        "relieved": say("放宽暂停通知"),
        "draw_won": say("抽中通知未送达"),
        "application_ended": say("候补结束通知"),
        "moved_away": say("就诊人转出通知"),
        "moved_here": say("就诊人转入通知"),
        "displaced": say("登记被取代通知"),
        "merged": say("登记合并通知"),
    }
