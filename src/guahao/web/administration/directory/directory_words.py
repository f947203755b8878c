"""The names of administrators' actions on the directory, for the audit trail's page."""

from __future__ import annotations

from guahao.web.staff import StaffPage


def directory_words(page: StaffPage) -> dict[str, str]:
    """Return the actions' names."""
    return {
        "add_hospital": page.say("添加医院"),
        "change_hospital": page.say("更改医院"),
        "import_hospitals": page.say("导入医院"),
        "change_rules": page.say("更改预约规则"),
        "withdraw_rules": page.say("撤回预约规则"),
        "add_department": page.say("添加科室"),
        "change_department": page.say("更改科室"),
        "show_department": page.say("科室上平台"),
        "hide_department": page.say("科室下平台"),
        "move_department": page.say("调整科室顺序"),
        "delete_department": page.say("删除科室"),
        "add_title": page.say("添加职称"),
        "change_title": page.say("更改职称"),
        "move_title": page.say("调整职称顺序"),
        "change_specialty": page.say("更改专业的英文"),
        "add_search_term": page.say("添加搜索用语"),
        "change_search_term": page.say("更改搜索用语"),
        "delete_search_term": page.say("删除搜索用语"),
        "import_search_terms": page.say("导入搜索用语"),
        "change_fee": page.say("更改费用"),
        "add_announcement": page.say("发布公告"),
        "change_announcement": page.say("更改公告"),
        "withdraw_announcement": page.say("撤下公告"),
    }
