"""Streamlit's settings: how the server behaves and how the pages look. Values only.

Pass is blue, fail is orange, the rest is grey: told apart by colour-blind readers, and always with a word beside.
Fonts are those of the reader's machine; nothing is fetched.
"""

from settings import Dashboard

PASS, DKIM_ONLY, SPF_ONLY, FAIL = "#0b5cad", "#5b9bd5", "#a9cbea", "#c2410c"
# The one button of a form: its words stand out in both themes (WCAG 2.2, 1.4.3).
BUTTON, BUTTON_WORDS = "#1d6fc4", "#ffffff"
GREY, QUARANTINE, UNKNOWN = "#8792a2", "#e39b4f", "#cfd6df"

FONTS = "'Noto Sans JP','Noto Sans CJK JP','Hiragino Kaku Gothic ProN','Yu Gothic UI','Meiryo',sans-serif"

_LOOK: dict[str, object] = {
    "theme.font": FONTS,
    "theme.headingFont": FONTS,
    "theme.codeFont": "'Noto Sans Mono CJK JP','SFMono-Regular',Consolas,monospace",
    "theme.baseRadius": "6px",
    "theme.headingFontSizes": ["1.75rem", "1.3rem", "1.05rem"],
    "theme.headingFontWeights": [700, 600, 600],
    "theme.paddingTop": "1.5rem",
    "theme.light.primaryColor": PASS,
    "theme.light.backgroundColor": "#ffffff",
    "theme.light.secondaryBackgroundColor": "#f3f6fa",
    "theme.light.textColor": "#1b2430",
    "theme.light.borderColor": "#d9e0e8",
    "theme.light.grayTextColor": "#55616f",
    "theme.light.grayBackgroundColor": "#eef2f6",
    "theme.dark.primaryColor": "#6cb2f5",
    "theme.dark.backgroundColor": "#10161e",
    "theme.dark.secondaryBackgroundColor": "#1a232e",
    "theme.dark.textColor": "#e6ebf1",
    "theme.dark.borderColor": "#2c3846",
    "theme.dark.grayTextColor": "#a3afbd",
    "theme.dark.grayBackgroundColor": "#243040",
}


def server_options(
    dashboard: Dashboard, hosts: list[str], origins: list[str], *, upload_bytes: int
) -> dict[str, object]:
    """Options of `streamlit.App.run` for this address; `hosts` and `origins` are those a browser may name.

    `upload_bytes`: how long one uploaded file may be; Streamlit counts whole MiB.
    """
    return {
        "server.address": dashboard.address,
        "server.port": dashboard.port,
        "server.headless": True,
        "server.fileWatcherType": "none",
        "server.maxUploadSize": -(-upload_bytes // 1_048_576),
        "server.allowedHosts": hosts,
        "server.corsAllowedOrigins": origins,
        "browser.serverAddress": dashboard.address,
        "browser.gatherUsageStats": False,
        "client.toolbarMode": "minimal",
        "client.showErrorDetails": "none",
        "client.showErrorLinks": False,
        "client.disableDataExport": True,
        "client.allowedOrigins": [],
        "runner.magicEnabled": False,
        "runner.postScriptGC": False,
        **_LOOK,
    }
