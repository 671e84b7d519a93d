"""Secrets in tables of the settings: files that variables name, credentials of systemd, files that others may read."""

from pathlib import Path

import pytest

from settings import SettingsError, load

PING = "https://checks.example.net/0c1f-canary"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def written(folder: Path, text: str, mode: int = 0o644) -> Path:
    path = folder / "sekisho.toml"
    path.write_text(text)
    path.chmod(mode)
    return path


def secret_file(folder: Path, mode: int) -> Path:
    path = folder / "heartbeat"
    path.write_text(f"{PING}\n")
    path.chmod(mode)
    return path


def test_a_secret_of_a_table_is_read_from_the_file_that_its_variable_names(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(folder, '[heartbeat]\nurl = ""\n[backup]\nkeep_daily = 3\n')
    monkeypatch.setenv("SEKISHO_HEARTBEAT__URL_FILE", str(secret_file(folder, 0o600)))

    settings = load()

    assert settings.heartbeat.url == PING
    assert settings.backup.keep_daily == 3
    assert "canary" not in repr(settings)


def test_a_credential_of_systemd_may_be_group_readable_and_no_other_file(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEKISHO_HEARTBEAT__URL_FILE", str(secret_file(folder, 0o440)))
    with pytest.raises(SettingsError, match="has mode 440 and not 600"):
        load()

    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(folder))

    assert load().heartbeat.url == PING


@pytest.mark.parametrize(
    "text", [f'[heartbeat]\nurl = "{PING}"\n', 'database_url = "postgresql://me:canary@db.example.jp/mail"\n']
)
def test_a_settings_file_with_a_secret_is_refused_when_others_may_read_it(folder: Path, text: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load(written(folder, text, 0o640))
    (problem,) = str(caught.value).splitlines()

    assert "holds a secret, and the file has mode 640 and not 600. Run chmod 600" in problem
    assert "canary" not in problem
    load(written(folder, text, 0o600))


@pytest.mark.parametrize("text", ['[heartbeat]\nurl = ""\n', 'database_url = "postgresql://me@db.example.jp/mail"\n'])
def test_a_settings_file_without_a_secret_may_be_read_by_all(folder: Path, text: str) -> None:
    load(written(folder, text))


@pytest.mark.parametrize(
    "url", ["checks.example.net/canary", "ftp://canary.example.net", "https://x/canary?a=1", "http://["]
)
def test_a_heartbeat_that_is_no_address_is_refused_and_not_repeated(folder: Path, url: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load(written(folder, f'[heartbeat]\nurl = "{url}"\n', 0o600))

    assert "must be empty or an http(s) address" in str(caught.value)
    assert "canary" not in str(caught.value)


def test_folder_and_log_start_at_the_folder_of_the_file(folder: Path) -> None:
    (folder / "etc").mkdir()

    settings = load(written(folder / "etc", '[backup]\nfolder = "copies"\n[log]\nfile = "/var/log/sekisho.log"\n'))

    assert settings.backup.folder == str(folder / "etc" / "copies")
    assert settings.log.file == "/var/log/sekisho.log"
    assert load(written(folder, "")).backup.folder == ""


OIDC = '[oidc]\nissuer = "https://login.example.jp"\nclient_id = "sekisho"\n'


def test_the_secret_of_the_openid_client_is_not_shown_and_may_stand_in_a_file_of_its_own(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(folder, f'{OIDC}staff_values = ["support", "dmarc-staff"]\n')
    secret = secret_file(folder, 0o600)
    secret.write_text("client-canary\n")
    monkeypatch.setenv("SEKISHO_OIDC__CLIENT_SECRET_FILE", str(secret))

    settings = load()

    assert settings.oidc.client_secret == "client-canary"
    assert settings.oidc.staff_values == ("support", "dmarc-staff")
    assert "canary" not in repr(settings)


def test_the_secret_of_the_openid_client_stands_in_no_file_that_others_may_read(folder: Path) -> None:
    written(folder, f'{OIDC}client_secret = "client-canary"\n')

    with pytest.raises(SettingsError, match=r"oidc.client_secret: holds a secret") as refused:
        load()

    assert "canary" not in str(refused.value)
    written(folder, f'{OIDC}client_secret = "client-canary"\n', 0o600)
    assert load().oidc.client_secret == "client-canary"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('issuer = "https://login.example.jp"', "oidc.client_id: is needed beside an issuer"),
        ('issuer = "http://login.example.jp"\nclient_id = "x"', "oidc.issuer: must be empty or the provider's https"),
        ('issuer = "https://login.example.jp?a=b"\nclient_id = "x"', "oidc.issuer: must be empty or the provider's"),
        ('staff_values = [""]', "oidc.staff_values: must be a list of texts"),
    ],
)
def test_a_half_set_provider_is_named(folder: Path, text: str, problem: str) -> None:
    written(folder, f"[oidc]\n{text}\n")

    with pytest.raises(SettingsError, match=problem):
        load()
