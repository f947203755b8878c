"""The commission's page on draws: entries, wins, skips, and where a draw is proposed."""

from __future__ import annotations

from urllib.parse import urlencode

from guahao.flows.fairness import figures as flows
from guahao.flows.fairness.figures import Figures
from guahao.flows.supply.proposing_draws import Proposals, proposals
from guahao.rules.fairness.allocating import FULL
from guahao.rules.fairness.proof import Level
from guahao.rules.fairness.proposing import FAST, RELEASES
from guahao.rules.fairness.returning import DrawKind, ReleaseMode
from guahao.rules.staff.staff import Role
from guahao.sheets.write import Kind, Plain, Table
from guahao.store.fairness.figures import FORGOTTEN, PERSONS_MOST, ChannelFigures, DrawFigures
from guahao.store.fairness.swaps import SECONDS
from guahao.store.reports.scope import Grouping
from guahao.web.administration.reports.asked import ReportRequest
from guahao.web.administration.reports.city import reason_words
from guahao.web.administration.reports.parts import (
    Part,
    columns,
    counts,
    days_or_bars,
    key_text,
    name_text,
    share,
)
from guahao.web.charts import Series
from guahao.web.staff import StaffPage
from guahao.words.text import Words


async def fairness_parts(page: StaffPage, asked: ReportRequest) -> list[Part]:
    """Return what the draws gave out; then what needs somebody to look at it."""
    platform, scope = page.services.platform, asked.scope
    found = await flows.figures(platform, page.staff, scope)
    proposed = await proposals(platform, page.staff, scope.hospital_id, scope.department_id)
    parts = []
    if found.draws:
        parts += [_draws(page, found.draws, found.waiters), _channels(page, found.channels)]
    if found.skips:
        parts.append(_skips(page, found))
    if found.phones:
        parts.append(_phones(page, found))
    if found.swaps:
        parts.append(_swaps(page, found))
    if proposed.proposals:
        parts.append(_proposals(page, proposed))
    return parts


def level_words(page: StaffPage) -> dict[str, str]:
    """Return who could have known the result of a draw before its entries were closed."""
    return {
        Level.OPERATOR: page.say("仅平台保密"),
        Level.WITNESSED: page.say("有外部见证"),
        Level.BEACON: page.say("有公共随机数"),
    }


def kind_words(page: StaffPage) -> dict[str, str]:
    """Return which places a draw gives out."""
    return {
        DrawKind.RELEASE: page.say("放号抽签"),
        DrawKind.RETURNED: Words("退号抽签", "reports").of(page.language),
    }


def _draws(page: StaffPage, rows: list[DrawFigures], waiters: int | None) -> Part:
    kinds, levels = kind_words(page), level_words(page)
    head = columns(
        (page.say("种类"), Kind.TEXT),
        (page.say("结果的保密"), Kind.TEXT),
        *counts(
            *(page.say("次数"), page.say("抽签的号"), page.say("登记数"), page.say("每次登记数")),
            page.say("登记人次"),
            *(page.say("抽中人次"), page.say("抽完剩下的号")),
        ),
        (page.say("中签率"), Kind.SHARE),
    )

    def numbers(rows: list[DrawFigures], waiters: int | None) -> list[Plain]:
        places, patients = sum(row.places for row in rows), sum(row.patients for row in rows)
        won = sum(row.won for row in rows)
        return [
            *(sum(row.draws for row in rows), places, sum(row.entries for row in rows)),
            *("" if waiters is None else waiters, patients),
            *(won, places - won, share(won, patients)),
        ]

    table: list[list[Plain]] = [
        [kinds[row.kind], levels[row.level], *numbers([row], row.waiters)] for row in rows
    ]
    title = Words("抽签", "reports").of(page.language)
    return Part(
        Table(title, head, [*table, [page.say("合计"), "", *numbers(rows, waiters)]]),
        note=page.say(
            "按抽签时间统计已完成的抽签。有公共随机数或外部见证：平台单独不能预知或左右结果；"
            "仅平台保密：结果可以事后验证，但掌握密钥的人在登记截止前可能预知。"
            "每次登记数取中位数：等的人越多，退号后换给指定的人越难成功。默认要在可取消截止前24小时抽中，"
            "所以就诊前一天抽签的登记较少。"
        ),
        has_total=True,
    )


def _channels(page: StaffPage, rows: list[ChannelFigures]) -> Part:
    names = [_channel(page, row.channel) for row in rows]
    won, not_won = page.say("抽中人次"), page.say("未抽中人次")
    head = columns(
        (page.say("渠道"), Kind.TEXT),
        *counts(page.say("登记人次"), won),
        (page.say("中签率"), Kind.SHARE),
        *counts(page.say("已取号"), page.say("未取号"), page.say("放弃")),
        *counts(page.say("退号或停诊"), page.say("待就诊")),
        (page.say("取号率"), Kind.SHARE),
        (page.say("放弃率"), Kind.SHARE),
    )

    def numbers(rows: list[ChannelFigures]) -> list[Plain]:
        patients, won = sum(row.patients for row in rows), sum(row.won for row in rows)
        picked_up, missed = sum(row.picked_up for row in rows), sum(row.missed for row in rows)
        declined = sum(row.declined for row in rows)
        known = sum(row.won for row in rows if row.channel != FORGOTTEN)
        return [
            *(patients, won, share(won, patients), picked_up, missed, declined),
            *(sum(row.cancelled for row in rows), sum(row.waiting for row in rows)),
            *(share(picked_up, picked_up + missed), share(declined, known)),
        ]

    table = [[name, *numbers([row])] for name, row in zip(names, rows, strict=True)]
    picture = days_or_bars(
        page,
        page.say("各渠道的抽签"),
        page.say("各渠道抽中和未抽中人次的图，数字见下表。"),
        names,
        [
            Series("picked_up", won, [row.won for row in rows]),
            Series("cancelled", not_won, [max(row.patients - row.won, 0) for row in rows]),
        ],
    )
    return Part(
        Table(page.say("各渠道"), head, [*table, [page.say("合计"), *numbers(rows)]]),
        picture,
        page.say(
            "各渠道的中签率应当接近：抽签不看渠道和先后。取号率：抽中的号在就诊日取号的占比；"
            "明显偏低的渠道，可能有人登记了并不就诊的人。"
        ),
        has_total=True,
    )


def _channel(page: StaffPage, channel: str) -> str:
    if channel == FORGOTTEN:
        return page.say("已匿名（180天前）")
    return str(key_text(page, Grouping.CHANNEL, channel, {}))


def _skips(page: StaffPage, found: Figures) -> Part:
    words = {**reason_words(page), FULL: page.say("号已抽完")}
    names = [words.get(row.reason, row.reason) for row in found.skips]
    count = sum(row.choices for row in found.skips)
    head = columns(
        (page.say("原因"), Kind.TEXT), *counts(page.say("志愿")), (page.say("占比"), Kind.SHARE)
    )
    table: list[list[Plain]] = [
        [name, row.choices, share(row.choices, count)]
        for name, row in zip(names, found.skips, strict=True)
    ]
    return Part(
        Table(page.say("未抽中的原因"), head, [*table, [page.say("合计"), count, share(1, 1)]]),
        note=page.say("未抽中的登记，按它的每个志愿计一次原因。"),
        has_total=True,
    )


def _phones(page: StaffPage, found: Figures) -> Part:
    head = columns(
        (page.say("为几个人登记过"), Kind.TEXT),
        *counts(page.say("账户数"), page.say("登记数"), page.say("抽中人次")),
    )
    table: list[list[Plain]] = [
        [
            page.say("{count}人及以上", count=row.persons)
            if row.persons >= PERSONS_MOST
            else page.say("{count}人", count=row.persons),
            row.accounts,
            row.entries,
            row.won,
        ]
        for row in found.phones
    ]
    return Part(
        Table(page.say("一个手机多人"), head, table),
        note=page.say(
            "一个手机同时最多两位就诊人。先后为三人以上登记的，可能有人轮流代登记："
            "请在“异常账户”中复核。180天前的登记已匿名，不计。"
        ),
    )


def _swaps(page: StaffPage, found: Figures) -> Part:
    head = columns(
        (page.say("渠道"), Kind.TEXT),
        *counts(page.say("退回的满号"), page.say("{seconds}秒内约走", seconds=SECONDS)),
        (page.say("秒约率"), Kind.SHARE),
    )
    table: list[list[Plain]] = [
        [
            _channel(page, str(row.key)),
            row.returned,
            row.rebooked,
            share(row.rebooked, row.returned),
        ]
        for row in found.swaps
    ]
    return Part(
        Table(page.say("退号秒约"), head, table),
        note=page.say("退号改为抽签后，秒约率应当接近零。按天、医院和工作人员的，见“退号秒约”。"),
    )


def _proposals(page: StaffPage, found: Proposals) -> Part:
    minutes = int(FAST.total_seconds() // 60)
    head = columns(
        (page.say("科室名称"), Kind.TEXT),
        (page.say("职称"), Kind.TEXT),
        *counts(page.say("看了几次放号"), page.say("{minutes}分钟内约满", minutes=minutes)),
        (page.say("占比"), Kind.SHARE),
    )
    table: list[list[Plain]] = []
    links: list[str] = []
    for row in found.proposals:
        finding = row.finding
        table.append(
            [
                name_text(page, found.names[row.department_id]),
                page.names.title(row.title),
                finding.releases,
                finding.fast,
                share(finding.fast, finding.releases),
            ]
        )
        reason = page.say(
            "最近{releases}次放号有{fast}次在{minutes}分钟内约满",
            releases=finding.releases,
            fast=finding.fast,
            minutes=minutes,
        )
        query = urlencode(
            {
                "department": row.department_id,
                "title": row.title,
                "mode": ReleaseMode.DRAW,
                "reason": reason,
            }
        )
        decides = page.staff.role is Role.ADMINISTRATOR
        links.append(f"/staff/hospitals/{row.hospital_id}/release?{query}" if decides else "")
    return Part(
        Table(page.say("建议改为抽签放号"), head, table),
        note=page.say(
            "最近{releases}次放号，至少一半在{minutes}分钟内约满的科室和职称。这只是建议："
            "是否采用、从哪个就诊日起、理由是什么，由管理员或医院决定。",
            releases=RELEASES,
            minutes=minutes,
        ),
        links=links,
    )
