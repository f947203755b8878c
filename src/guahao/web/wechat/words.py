"""The texts of the Official Account: short, plain, and with a link to the next step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from urllib.parse import urlencode

from guahao.flows.kernel.platform import Platform
from guahao.flows.messages.wechat import (
    Applications,
    Bookings,
    NotAccepted,
    Places,
    ReplyTopic,
    ToBook,
    WechatReply,
)
from guahao.rules.attendance.pickup import pickup_deadline
from guahao.rules.kernel.outcomes import Refusal, Refused, Throttled
from guahao.store.hospitals.search import DepartmentHit, HospitalHit
from guahao.store.kernel.views import AppointmentView, SessionView
from guahao.words.catalogue import Language
from guahao.words.dates import format_time, format_visit
from guahao.words.text import Words

SayRefused = Callable[[Refused[Refusal], Language], str]
_TEXT_BYTES_MAX = 2000  # WeChat takes 2048 in one text


@dataclass(frozen=True, slots=True)
class Card:
    """A card that opens a page (a news reply of one article)."""

    title: str
    description: str
    url: str

    def as_text(self) -> str:
        """Return the card as text, for where no card can be sent."""
        return f"{_link(self.url, self.title)}\n{self.description}"


_WELCOME = Words(
    "欢迎使用预约挂号统一平台。\n\n"
    "第一次使用，请先登记就诊人的真实姓名、有效证件和手机号：{register}\n\n"
    "回复医院或科室的名称，例如“眼科”，即可查询和预约；回复“帮助”了解更多。"
)
_REGISTER = Words("登记注册")
_ASK = Words(
    "您可以回复：\n"
    "· 医院、科室或哪里不舒服，例如“眼科”\n"
    "· “挂号”，开始预约\n"
    "· “我的挂号”，查看您的预约\n"
    "· 8位识别码，查看这个预约和取号时间\n"
    "· “取消”，了解怎样退号\n"
    "· “候补”，查看您的候补和下一次抽签\n"
    "· “人工”，请客服帮您办\n"
    "· “帮助”\n\n"
    "{bookings} · {help}\n客服电话：{hotline}"
)
_UNCLEAR = Words("没有找到相符的医院或科室。\n\n")
# In both languages: without the database the user's language is unknown.
OUT_OF_SERVICE = (
    "系统暂时不能查询和办理，请过几分钟再发一次。\n"
    "The service is not available for the moment. Please send this again in a few minutes."
)
_BOOKINGS = Words("我的挂号")
_HELP = Words("帮助与规则")
_CANCEL = {
    False: Words(
        "退号或改约请在截止时间前拨打{hotline}（一般为就诊日前一日15:00，以医院规定为准）。"
        "就诊当天不能退号。每个预约的截止时间见{bookings}。\n"
        "电话忙的，请{call_back}：选好时间，我们打给您。"
    ),
    True: Words(
        "退号或改约请在截止时间前到{bookings}办理，或拨打{hotline}（一般为就诊日前一日15:00，"
        "以医院规定为准）。就诊当天不能退号。"
    ),
}
_BOOK = Words(
    "请回复医院、科室或哪里不舒服，例如“眼科”；也可以直接{home}。\n"
    "不需要指定医生。打电话预约：{hotline}"
)
_HOME = Words("打开预约页面")
_NEXT = Words("您的下一次就诊：{when}")
_AGENT = Words(
    "请拨打{hotline}，客服核对身份后可以替您预约、改约、查询和退号。\n"
    "电话忙的，请{call_back}：选好时间，我们打给您。"
)
_CALL_BACK = Words("请给我回电")
_OWN_BOOKINGS = Words("您的预约：")
_OWN_NONE = Words("您现在没有预约。\n\n回复医院或科室的名称即可查找，例如“眼科”。")
_OWN_MORE = Words("查看全部和识别码")
_BIND_FIRST = Words(
    "要在这里查询预约，请先验证手机号，把微信与您的账户关联（只需一次）：{register}\n"
    "也可拨打{hotline}查询。"
)
_PROVE = Words("验证手机号")
_NO_SUCH_BOOKING = Words(
    "您的账户下没有这个识别码的预约。请核对8位数字，或查看{bookings}。\n客服电话：{hotline}"
)
_NO_OFFER = Words(
    "目前没有为您保留、等待接受的号。已有的预约请查看{bookings}。\n客服电话：{hotline}"
)
_OFFER_DECLINED = Words("已谢绝医院为您留的号，它已放回。可另约其他号源。\n客服电话：{hotline}")
_SEVERAL_OFFERS = Words("医院为您留了不止一个号，请在{bookings}中分别接受。\n客服电话：{hotline}")
_OFFER_REFUSED = Words("这个号现在不能接受：{reason}\n在期限内仍为您保留，见{bookings}。")
_THROTTLED = Words("查询次数过多，请{minutes}分钟后再试，或查看{bookings}。")
_FOUND = Words("您要找的是：")
_MAY_FIT = Words("以下科室可能适合您。这不是诊断；情况紧急请打120。")
_MORE = Words("查看更多")
_BOOKABLE = Words("点击查看科室和号源")
_STATUS = {
    "booked": Words("已预约，待取号"),
    "picked_up": Words("已取号", "chat"),
    "cancelled": Words("已退号"),
    "stopped": Words("停诊", "chat"),
    "no_show": Words("爽约", "chat"),
    "unverified": Words("已作废"),
}
_BOOKING = Words("{status} · 识别码 {code}\n{patient}\n{visit}\n{when}")
_PICKUP = Words("取号：就诊日{until}前，持登记的有效证件原件和识别码到{place}")
_WINDOW = Words("医院挂号窗口")
_CANCEL_UNTIL = Words("退号截止：{until}")
_DETAILS = Words("查看详情")
_APPLICATIONS = Words("您的候补：")
_NO_APPLICATIONS = Words(
    "您还没有候补。科室约满时，在科室页面点“登记候补”：有人退号时系统抽签，抽中就替您约好。\n\n"
    "回复科室名称即可查找，例如“眼科”。"
)
_NEXT_DRAW = Words("下一次抽签：{when}")
_NO_DRAW = Words("一有退号，就自动参加抽签")
_APPLICATION_STATES = {
    "live": Words("登记中", "chat"),
    "won": Words("已抽中，号已约好"),
    "withdrawn": Words("已撤回", "chat"),
    "expired": Words("日期已过，没有抽中"),
    "suspended": Words("因暂停预约终止", "chat"),
    "removed": Words("就诊人已移除", "chat"),
}
_OWN_APPLICATIONS = Words("我的候补", "chat")


def say(platform: Platform, reply: WechatReply, refused: SayRefused) -> str | Card:
    """Write a reply: a text, or a card for a single hospital or department.

    `refused`: the sentence of a refused booking.
    """
    language: Language = "en" if reply.language == "en" else "zh"
    outcome = reply.outcome
    match outcome:
        case Places():
            return _places(platform, outcome, language)
        case Applications():
            return _applications(platform, outcome, language)
        case ToBook():
            return _book(platform, outcome, language)
        case Bookings():
            return _bookings(platform, outcome, language)
        case AppointmentView():
            return _booking(platform, outcome, language)
        case Throttled():
            minutes = -(-outcome.retry_after_seconds // 60)
            return _filled(platform, _THROTTLED, language, minutes=minutes)
        case NotAccepted():
            reason = refused(outcome.refused, language)
            return _filled(platform, _OFFER_REFUSED, language, reason=reason)
        case ReplyTopic():
            return _topic(platform, outcome, language)


_SENTENCES = {
    ReplyTopic.HELP: _ASK,
    ReplyTopic.AGENT: _AGENT,
    ReplyTopic.NO_SUCH_BOOKING: _NO_SUCH_BOOKING,
    ReplyTopic.NO_OFFER: _NO_OFFER,
    ReplyTopic.OFFER_DECLINED: _OFFER_DECLINED,
    ReplyTopic.SEVERAL_OFFERS: _SEVERAL_OFFERS,
}


def _topic(platform: Platform, topic: ReplyTopic, language: Language) -> str:
    match topic:
        case ReplyTopic.WELCOME:
            link = _link(_login(platform, "/patients"), _REGISTER.of(language))
            return _filled(platform, _WELCOME, language, register=link)
        case ReplyTopic.UNCLEAR:
            return _UNCLEAR.of(language) + _filled(platform, _ASK, language)
        case ReplyTopic.CANCEL:
            by_patient = "patient" in platform.policy_today.cancel_channels
            return _filled(platform, _CANCEL[by_patient], language)
        case ReplyTopic.BIND_FIRST:
            link = _link(_login(platform, "/bookings"), _PROVE.of(language))
            return _filled(platform, _BIND_FIRST, language, register=link)
        case _:
            return _filled(platform, _SENTENCES[topic], language)


def _filled(platform: Platform, words: Words, language: Language, **more: object) -> str:
    base = platform.settings.public_base
    return words.of(language).format(
        hotline=platform.settings.hotline,
        bookings=_link(f"{base}/bookings", _BOOKINGS.of(language)),
        help=_link(f"{base}/help", _HELP.of(language)),
        call_back=_link(f"{base}/call-back", _CALL_BACK.of(language)),
        **more,
    )


def _places(platform: Platform, places: Places, language: Language) -> str | Card:
    base = platform.settings.public_base
    hospitals = [_hospital(base, hospital, language) for hospital in places.hospitals]
    departments = [_department(base, department, language) for department in places.departments]
    cards = hospitals + departments if places.hospitals_first else departments + hospitals
    if len(cards) == 1 and not places.more and not places.is_complaint:
        return cards[0]
    found = _MAY_FIT if places.is_complaint else _FOUND
    lines = [found.of(language), *(_link(card.url, card.title) for card in cards)]
    if places.more:
        lines.append(_link(f"{base}/search?{urlencode({'q': places.typed})}", _MORE.of(language)))
    while len("\n".join(lines).encode()) > _TEXT_BYTES_MAX:
        del lines[len(cards)]  # the last place still listed
        cards.pop()
    return "\n".join(lines)


def _hospital(base: str, hospital: HospitalHit, language: Language) -> Card:
    name = _named(hospital.name, hospital.name_en, language)
    about = f"{hospital.grade} · {hospital.district}\n{_BOOKABLE.of(language)}"
    return Card(name, about, f"{base}/hospitals/{hospital.id}")


def _department(base: str, department: DepartmentHit, language: Language) -> Card:
    hospital = department.hospital
    names = (
        _named(hospital.name, hospital.name_en, language),
        _named(department.name, department.name_en, language),
    )
    about = f"{hospital.grade} · {hospital.district}\n{_BOOKABLE.of(language)}"
    return Card(" ".join(names), about, f"{base}/departments/{department.id}")


def _named(name: str, name_en: str, language: Language) -> str:
    return name_en if language == "en" and name_en else name


def _booking(platform: Platform, booking: AppointmentView, language: Language) -> str:
    session, now = booking.session, platform.db.clock()
    today = now.date()
    visit = _visit(platform, session, language)
    lines = [
        _BOOKING.of(language).format(
            status=_STATUS[booking.status].of(language),
            code=f"{booking.code[:4]} {booking.code[4:]}",
            patient=booking.patient.name,
            visit=" ".join(part for part in visit if part),
            when=_when(booking, language, today),
        )
    ]
    if booking.status == "booked":
        until = pickup_deadline(session.visit_date, session.period, session.rules)
        named_place = _named(session.pickup_place, session.pickup_place_en, language)
        place = named_place or _WINDOW.of(language)
        lines.append(_PICKUP.of(language).format(until=f"{until:%H:%M}", place=place))
        deadline = booking.cancel_until
        if now < deadline:
            said = format_time(deadline, language, today)
            lines.append(_CANCEL_UNTIL.of(language).format(until=said))
    url = f"{platform.settings.public_base}/bookings/{booking.id}"
    return "\n".join([*lines, _link(url, _DETAILS.of(language))])


def _bookings(platform: Platform, own: Bookings, language: Language) -> str:
    """Write the current bookings: where, when and their state. Names and codes are on the page."""
    base, today = platform.settings.public_base, platform.db.clock().date()
    if not own.bookings:
        return _OWN_NONE.of(language)
    lines = [_OWN_BOOKINGS.of(language)]
    for booking in own.bookings:
        session = booking.session
        hospital, department, specialty, _ = _visit(platform, session, language)
        named = " ".join(part for part in (hospital, department, specialty) if part)
        lines.append(_link(f"{base}/bookings/{booking.id}", named))
        lines.append(f"{_when(booking, language, today)} · {_STATUS[booking.status].of(language)}")
    lines.append(_link(f"{base}/bookings", _OWN_MORE.of(language)))
    return "\n".join(lines)


def _when(booking: AppointmentView, language: Language, today: date) -> str:
    session = booking.session
    return format_visit(
        *(session.visit_date, session.period, language, today),
        *(session.starts_at, session.ends_at),
    )


def _visit(platform: Platform, session: SessionView, language: Language) -> tuple[str, ...]:
    """Return hospital, department, specialty and title in a language, as far as there are words."""
    titles = platform.titles
    return (
        _named(session.hospital_name, session.hospital_name_en, language),
        _named(session.department_name, session.department_name_en, language),
        _named(session.specialty, titles.specialties.get(session.specialty, ""), language),
        _named(session.title, titles.english.get(session.title, ""), language),
    )


def _book(platform: Platform, own: ToBook, language: Language) -> str:
    """Write how to book, and before it the next visit of who has one."""
    home = _link(f"{platform.settings.public_base}/", _HOME.of(language))
    how = _filled(platform, _BOOK, language, home=home)
    if own.next is None:
        return how
    hospital, department, specialty, _ = _visit(platform, own.next.session, language)
    named = " ".join(part for part in (hospital, department, specialty) if part)
    link = _link(f"{platform.settings.public_base}/bookings/{own.next.id}", named)
    when = _when(own.next, language, platform.db.clock().date())
    return "\n".join([_NEXT.of(language).format(when=when), link, "", how])


def _applications(platform: Platform, own: Applications, language: Language) -> str:
    """Write the applications with their next draws, and where to see all of them."""
    path, today = "/applications", platform.db.clock().date()
    if not own.applications:
        link = _link(f"{platform.settings.public_base}{path}", _OWN_APPLICATIONS.of(language))
        return "\n".join([_NO_APPLICATIONS.of(language), link])
    lines = [_APPLICATIONS.of(language)]
    for one in own.applications:
        names = (
            _named(one.hospital_name, one.hospital_name_en, language),
            _named(one.department_name, one.department_name_en, language),
        )
        url = f"{platform.settings.public_base}{path}/{one.id}"
        lines.append(_link(url, " ".join(names)))
        lines.append(_APPLICATION_STATES[one.state].of(language))
        if one.id in own.draws:
            when = format_time(own.draws[one.id].draw_at, language, today)
            lines.append(_NEXT_DRAW.of(language).format(when=when))
        elif one.state == "live":
            lines.append(_NO_DRAW.of(language))
    return "\n".join(lines)


def _login(platform: Platform, next_path: str) -> str:
    """Return the URL of a page behind WeChat's login, which needs no one-time password."""
    return f"{platform.settings.public_base}/wechat/login?{urlencode({'next': next_path})}"


def _link(url: str, words: str) -> str:
    """Write a link in a chat's text."""
    return f'<a href="{url}">{words}</a>'
