"""Domains at which anybody can get a mail address: mail that they authenticate shows the provider, not who wrote it."""

# Consumer mailbox domains of the larger providers, from their sign-up pages; 2026-11-24. A provider's reports mostly
# come from another host of it (dmarc.yahoo.com, corp.mail.ru), which is not meant here.
PUBLIC_MAILBOX_DOMAINS = frozenset(
    """
    aol.com au.com biglobe.ne.jp comcast.net docomo.ne.jp ezweb.ne.jp fastmail.com fastmail.fm free.fr gmail.com
    gmx.at gmx.ch gmx.com gmx.de gmx.net goo.jp googlemail.com hotmail.co.jp hotmail.com icloud.com laposte.net
    libero.it live.com live.jp mac.com mail.com mail.ru me.com msn.com naver.com nifty.com ocn.ne.jp orange.fr
    outlook.com outlook.jp proton.me protonmail.com qq.com rakuten.jp seznam.cz so-net.ne.jp softbank.ne.jp t-online.de
    web.de wp.pl yahoo.co.jp yahoo.com yahoo.ne.jp yandex.com yandex.ru ybb.ne.jp ymail.com zoho.com 126.com 163.com
    """.split()
)
