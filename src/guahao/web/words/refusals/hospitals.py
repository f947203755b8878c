"""The directory and hospitals' rules: why an entry, a department or a rule is not written."""

from __future__ import annotations

from guahao.rules.hospitals.announcements import BODY_MAX, TITLE_MAX, AnnouncementRefusal
from guahao.rules.hospitals.departments import NAME_MAX as DEPARTMENT_MAX
from guahao.rules.hospitals.departments import DepartmentRefusal
from guahao.rules.hospitals.hospital_rules import CANCEL_DAYS_MAX, CYCLE_DAYS_MAX, RulesRefusal
from guahao.rules.hospitals.hospitals import HospitalFault, HospitalRefusal
from guahao.rules.hospitals.importing import FileRefusal
from guahao.rules.hospitals.search_terms import TARGETS_MAX, WORD_MAX, WORDS_MAX, TermRefusal
from guahao.rules.hospitals.specialties import NAME_EN_MAX as SPECIALTY_EN_MAX
from guahao.rules.hospitals.specialties import NAME_MAX as SPECIALTY_MAX
from guahao.rules.hospitals.specialties import SpecialtyRefusal
from guahao.rules.hospitals.titles import NAME_EN_MAX as TITLE_EN_MAX
from guahao.rules.hospitals.titles import NAME_MAX as TITLE_NAME_MAX
from guahao.rules.hospitals.titles import TitleRefusal
from guahao.web.words.refusals.sentence import Sentence, Sentences
from guahao.words.text import Words

_CODE = Sentence(422, Words("代码须为1到32个字母、数字或 . _ -。"))

HOSPITALS: Sentences = {
    HospitalRefusal: {
        HospitalRefusal.UNKNOWN: Sentence(404, Words("没有这家医院，请重新选择。")),
        HospitalRefusal.CHANGED_MEANWHILE: Sentence(
            409,
            Words(
                "在您填写时，别人更改了这家医院，所以没有保存。"
                "不同之处标在各栏下面，请核对后再保存。"
            ),
        ),
    },
    HospitalFault: {
        HospitalFault.MISSING: Sentence(422, Words("请填写。")),
        HospitalFault.TOO_LONG: Sentence(422, Words("不能超过{most}个字。")),
        HospitalFault.GRADE: Sentence(422, Words("请从列表中选择等级。")),
        HospitalFault.PHONE: Sentence(422, Words("电话只能有数字、空格、横线、括号、顿号和“转”。")),
        HospitalFault.CODE: _CODE,
        HospitalFault.CODE_TAKEN: Sentence(422, Words("已有医院使用这个代码。")),
        HospitalFault.NAME_TAKEN: Sentence(422, Words("已有同名的医院。院区请在名称中写明。")),
    },
    FileRefusal: {
        FileRefusal.UNKNOWN: Sentence(404, Words("没有这个文件。请重新上传。")),
        FileRefusal.FAULTY: Sentence(409, Words("文件里有错误，没有导入。请改正后重新上传。")),
        FileRefusal.CHANGED_MEANWHILE: Sentence(
            409,
            Words("您确认的时候数据已有变化，所以没有导入。下面是现在的预览，请再看一遍。"),
        ),
        FileRefusal.NOTHING: Sentence(409, Words("文件与现有数据相同，没有要导入的内容。")),
    },
    TitleRefusal: {
        TitleRefusal.UNKNOWN: Sentence(404, Words("没有这个职称。")),
        TitleRefusal.CHANGED_MEANWHILE: Sentence(
            409,
            Words(
                "在您填写时，别人更改了这个职称，所以没有保存。"
                "不同之处标在各栏下面，请核对后再保存。"
            ),
        ),
        TitleRefusal.NAME: Sentence(
            422, Words("请填写职称，不超过{most}个字。"), {"most": TITLE_NAME_MAX}
        ),
        TitleRefusal.NAME_EN: Sentence(
            422, Words("英文名称不能超过{most}个字符。"), {"most": TITLE_EN_MAX}
        ),
        TitleRefusal.NAME_TAKEN: Sentence(422, Words("已有这个职称。停用的可以重新启用。")),
    },
    SpecialtyRefusal: {
        SpecialtyRefusal.MISSING: Sentence(422, Words("请填写专业。")),
        SpecialtyRefusal.TOO_LONG: Sentence(
            422,
            Words("专业不能超过{name}个字，英文不能超过{name_en}个字符。"),
            {"name": SPECIALTY_MAX, "name_en": SPECIALTY_EN_MAX},
        ),
    },
    TermRefusal: {
        TermRefusal.UNKNOWN: Sentence(404, Words("没有这个用语，可能已删除。")),
        TermRefusal.CHANGED_MEANWHILE: Sentence(
            409,
            Words(
                "在您填写时，别人更改了这个用语，所以没有保存。"
                "不同之处标在各栏下面，请核对后再保存。"
            ),
        ),
        TermRefusal.NAME: Sentence(
            422, Words("请填写名称，不超过{most}个字。"), {"most": WORD_MAX}
        ),
        TermRefusal.NAME_EN: Sentence(
            422, Words("英文名称不能超过{most}个字符。"), {"most": WORD_MAX}
        ),
        TermRefusal.WORD: Sentence(
            422, Words("其他说法每个须有文字，不超过{most}个字。"), {"most": WORD_MAX}
        ),
        TermRefusal.TOO_MANY_WORDS: Sentence(
            422, Words("其他说法最多{most}个。"), {"most": WORDS_MAX}
        ),
        TermRefusal.TARGETS: Sentence(422, Words("请填写1到{most}个科室。"), {"most": TARGETS_MAX}),
        TermRefusal.TARGET: Sentence(
            422,
            Words("科室须先写编码，再空一格写名称，例如“03.04 心血管内科”；医院只写编码。"),
        ),
        TermRefusal.CHILDREN: Sentence(
            422,
            Words("儿童科室最多{most}个；医院的叫法没有儿童科室。"),
            {"most": TARGETS_MAX},
        ),
        TermRefusal.NAME_TAKEN: Sentence(422, Words("同一类别里已有这个名称。请改那一条。")),
    },
    AnnouncementRefusal: {
        AnnouncementRefusal.UNKNOWN: Sentence(404, Words("没有这条公告。")),
        AnnouncementRefusal.WITHDRAWN: Sentence(409, Words("这条公告已经撤下，不能再更改。")),
        AnnouncementRefusal.CHANGED_MEANWHILE: Sentence(
            409,
            Words(
                "在您填写时，别人更改了这条公告，所以没有保存。"
                "不同之处标在各栏下面，请核对后再保存。"
            ),
        ),
        AnnouncementRefusal.TITLE: Sentence(
            422, Words("请填写标题，不超过{most}个字。"), {"most": TITLE_MAX}
        ),
        AnnouncementRefusal.BODY: Sentence(
            422, Words("正文不能超过{most}个字。"), {"most": BODY_MAX}
        ),
        AnnouncementRefusal.ENGLISH: Sentence(
            422, Words("英文的标题和正文请一起填写，或都不填（英文读者会看到中文）。")
        ),
        AnnouncementRefusal.SPAN: Sentence(
            422, Words("时间不对：结束须晚于开始和现在，都不能晚于一年以后。")
        ),
    },
    RulesRefusal: {
        RulesRefusal.NOT_BEFORE_TOMORROW: Sentence(422, Words("新规则最早从明天起生效。")),
        RulesRefusal.CYCLE_DAYS: Sentence(
            422,
            Words("预约周期须在1到{most}天之间；不填则为平台的三个月。"),
            {"most": CYCLE_DAYS_MAX},
        ),
        RulesRefusal.CANCEL_DAYS: Sentence(
            422,
            Words("退号截止须在就诊前1到{most}天：就诊当天不能退号。"),
            {"most": CANCEL_DAYS_MAX},
        ),
        RulesRefusal.CHANGED_MEANWHILE: Sentence(
            409,
            Words(
                "在您填写时，别人更改了这家医院的规则，所以没有保存。请核对下面的规则，再预览一次。"
            ),
        ),
        RulesRefusal.NO_CHANGE: Sentence(422, Words("与当时已有的规则相同，没有更改。")),
        RulesRefusal.NOT_PENDING: Sentence(409, Words("没有这条待生效的规则，或已经生效。")),
    },
    DepartmentRefusal: {
        DepartmentRefusal.UNKNOWN: Sentence(404, Words("本院没有这个科室。")),
        DepartmentRefusal.CHANGED_MEANWHILE: Sentence(
            409,
            Words(
                "在您填写时，别人更改了这个科室，所以没有保存。不同之处标在各栏下面，"
                "请核对后再保存。"
            ),
        ),
        DepartmentRefusal.NAME: Sentence(
            422, Words("请填写名称，不超过{most}个字。"), {"most": DEPARTMENT_MAX}
        ),
        DepartmentRefusal.PARENT: Sentence(
            422, Words("请从列表中选择一级科室；一级和二级不能互换。")
        ),
        DepartmentRefusal.NAME_TAKEN: Sentence(422, Words("本院已有同名的科室。")),
        DepartmentRefusal.CODE: _CODE,
        DepartmentRefusal.CODE_TAKEN: Sentence(422, Words("本院已有科室使用这个代码。")),
        DepartmentRefusal.HAS_MEMBERS: Sentence(409, Words("这个一级科室下面还有科室，不能删除。")),
        DepartmentRefusal.HAS_BOOKINGS: Sentence(
            409,
            Words("这个科室有过预约或停诊，记录要保留，不能删除。可以让它下平台，患者就看不到了。"),
        ),
    },
}
