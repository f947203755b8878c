"""Hospitals' systems, webhooks and lists: why one is not added, changed or settled."""

from __future__ import annotations

from guahao.rules.integration.clients import NAME_LENGTH_MAX, OVERLAP_HOURS_MAX, ClientRefusal
from guahao.rules.integration.pushing import WebhookRefusal
from guahao.rules.integration.reconciling import NOTE_MAX, SettleRefusal
from guahao.web.words.refusals.sentence import Sentence, Sentences
from guahao.words.text import Words

INTEGRATION: Sentences = {
    ClientRefusal: {
        ClientRefusal.NAME_INVALID: Sentence(
            422, Words("请填写系统名称，1至{most}个字。"), {"most": NAME_LENGTH_MAX}
        ),
        ClientRefusal.SCOPES_NEEDED: Sentence(422, Words("请至少选择一项权限。")),
        ClientRefusal.THUMBPRINT_INVALID: Sentence(
            422, Words("证书指纹应为SHA-256的64个十六进制字符，可用冒号分隔。")
        ),
        ClientRefusal.OVERLAP_INVALID: Sentence(
            422, Words("旧密钥的保留时间应为0至{most}小时。"), {"most": OVERLAP_HOURS_MAX}
        ),
        ClientRefusal.HOSPITAL_UNKNOWN: Sentence(422, Words("请选择医院。")),
        ClientRefusal.UNKNOWN: Sentence(404, Words("没有这个操作或系统。请刷新后再试。")),
    },
    WebhookRefusal: {
        WebhookRefusal.BAD_URL: Sentence(
            422,
            Words(
                "推送地址不对，应如 https://his.example.cn/guahao/events，"
                "不含空格、中文、用户名和#。"
            ),
        ),
        WebhookRefusal.NOT_HTTPS: Sentence(422, Words("推送地址须以 https:// 开头。")),
        WebhookRefusal.NO_KINDS: Sentence(422, Words("请至少选择一种事件。")),
        WebhookRefusal.UNKNOWN: Sentence(
            409, Words("请先选择医院；更改密钥和开关前，须已设置推送地址。")
        ),
    },
    SettleRefusal: {
        SettleRefusal.NOTE_NEEDED: Sentence(
            422, Words("请写明是怎样处理的，最多{most}个字。"), {"most": NOTE_MAX}
        ),
        SettleRefusal.NOT_OPEN: Sentence(409, Words("这条差异已处理过，或不在这次对账中。")),
    },
}
