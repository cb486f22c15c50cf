"""What a user says of TLS and SASL is used as a whole, or refused with every mistake at once."""

import os
import subprocess
from pathlib import Path

import pytest

from freshet.schemas.errors import SettingsError
from freshet.settings import load_settings
from freshet.streams.app import build_app
from freshet.streams.kafka.connection import KafkaConnection
from freshet.streams.kafka.security import KafkaSecurity
from tests.support.certificates import Authority

PREFIX = "FRESHET_KAFKA__"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def told(monkeypatch):
    """The mistakes in settings of Kafka, by the names of the settings."""
    for name in [name for name in os.environ if name.startswith("FRESHET_") and "__" in name]:
        monkeypatch.delenv(name)

    def tell(**given: object) -> dict[str, str]:
        for name, value in given.items():
            monkeypatch.setenv(PREFIX + name, str(value))
        try:
            load_settings()
        except SettingsError as error:
            lines = [line.removeprefix(PREFIX).partition(": ")[::2] for line in str(error).splitlines()]
            return dict(lines)
        return {}

    return tell


@pytest.mark.parametrize(
    ("given", "wrong"),
    [
        ({"PASSWORD": "x"}, {"PASSWORD"}),
        ({"SASL_MECHANISM": "PLAIN", "USERNAME": "me"}, {"SASL_MECHANISM", "USERNAME"}),
        ({"CA_FILE": "/ca.pem"}, {"CA_FILE"}),
        ({"SECURITY_PROTOCOL": "SASL_SSL"}, {"SASL_MECHANISM", "USERNAME", "PASSWORD"}),
        ({"SECURITY_PROTOCOL": "SSL", "CERTIFICATE_FILE": "/a.pem"}, {"KEY_FILE"}),
        ({"SECURITY_PROTOCOL": "SSL", "KEY_FILE": "/a.key"}, {"CERTIFICATE_FILE"}),
        ({"SECURITY_PROTOCOL": "SSL", "KEY_PASSWORD": "x"}, {"KEY_PASSWORD"}),
        ({"SECURITY_PROTOCOL": "SSL", "CA_FILE": "/nothing", "CERTIFICATE_FILE": "/no", "KEY_FILE": "/no.key"},
         {"CA_FILE", "CERTIFICATE_FILE", "KEY_FILE"}),
        ({"SECURITY_PROTOCOL": "TLS"}, {"SECURITY_PROTOCOL"}),
    ],
)  # fmt: skip
def test_settings_that_contradict_each_other_are_all_told_at_once(told, given, wrong):
    assert set(told(**given)) == wrong


@pytest.mark.parametrize(
    ("given", "wrong"),
    [
        ({}, {"TOKEN_URL"}),
        ({"TOKEN_URL": "https://login.example/token", "TOKEN_SCOPE": "kafka"}, set()),
        ({"TOKEN_URL": "http://127.0.0.1:8000/token"}, set()),
        ({"TOKEN_URL": "http://login.example/token"}, {"TOKEN_URL"}),
        ({"TOKEN_URL": "login.example"}, {"TOKEN_URL"}),
        ({"TOKEN_URL": "https://[bad"}, {"TOKEN_URL"}),
        ({"TOKEN_URL": "https://login.example:bad/token"}, {"TOKEN_URL"}),
        ({"TOKEN_URL": "https://login.example", "SASL_MECHANISM": "PLAIN"}, {"TOKEN_URL"}),
    ],
)
def test_a_secret_is_sent_for_a_token_to_nobody_in_clear_text(told, given, wrong):
    login = {"SECURITY_PROTOCOL": "SASL_SSL", "SASL_MECHANISM": "OAUTHBEARER", "USERNAME": "me", "PASSWORD": "x"}
    assert set(told(**{**login, **given})) == wrong


def test_certificates_for_a_redis_without_tls_are_told_with_the_other_mistakes(told, monkeypatch, tmp_path: Path):
    monkeypatch.setenv("FRESHET_REDIS__CA_FILE", str(tmp_path / "ca.pem"))
    monkeypatch.setenv("FRESHET_REDIS__URL", "redis://127.0.0.1")
    assert set(told(PASSWORD="x")) == {"PASSWORD", "FRESHET_REDIS__CA_FILE"}
    monkeypatch.setenv("FRESHET_REDIS__URL", "rediss://127.0.0.1")
    assert set(told()) == {"PASSWORD"}


def test_a_password_may_come_from_a_file(told, tmp_path: Path):
    file = tmp_path / "password"
    file.write_text("secret\n")
    login = {"SECURITY_PROTOCOL": "SASL_SSL", "SASL_MECHANISM": "SCRAM-SHA-512", "USERNAME": "me"}
    assert told(**login, PASSWORD_FILE=file) == {}
    assert load_settings().kafka.security().password == "secret"


def test_files_that_hold_something_else_are_told(told, authority: Authority, tmp_path: Path):
    mine, others = authority.issue("mine"), authority.issue("others")
    nothing = tmp_path / "nothing.pem"
    nothing.write_text("nothing\n")
    assert set(told(SECURITY_PROTOCOL="SSL", CA_FILE=nothing)) == {"CA_FILE"}
    given = {"CA_FILE": authority.ca, "CERTIFICATE_FILE": mine.certificate}
    assert set(told(**given, KEY_FILE=others.key)) == {"KEY_FILE"}
    assert told(**given, KEY_FILE=mine.key) == {}


def test_the_password_of_a_key_is_used_and_nobody_is_asked_for_it(told, authority: Authority, tmp_path: Path):
    pair, key = authority.issue("locked"), tmp_path / "locked.key"
    command = ["openssl", "pkcs8", "-topk8", "-in", str(pair.key), "-out", str(key), "-passout", "pass:s3cret"]
    subprocess.run(command, check=True, capture_output=True)
    given = {"SECURITY_PROTOCOL": "SSL", "CERTIFICATE_FILE": pair.certificate, "KEY_FILE": key}
    assert set(told(**given)) == {"KEY_FILE"}
    assert set(told(**given, KEY_PASSWORD="wrong")) == {"KEY_FILE"}
    assert told(**given, KEY_PASSWORD="s3cret") == {}


def test_no_secret_stands_in_what_is_shown_of_it():
    security = KafkaSecurity("SASL_PLAINTEXT", mechanism="PLAIN", username="me", password="s3cret")
    assert "s3cret" not in repr(security)
    assert "s3cret" not in repr(KafkaConnection("kafka:9092", security=security))


def test_a_secret_within_a_url_is_refused_and_not_repeated(told):
    login = {"SECURITY_PROTOCOL": "SASL_SSL", "SASL_MECHANISM": "OAUTHBEARER", "USERNAME": "me", "PASSWORD": "x"}
    mistakes = told(**login, TOKEN_URL="https://me:s3cret@login.example/token")
    assert set(mistakes) == {"TOKEN_URL"}
    assert "s3cret" not in str(mistakes)


@pytest.mark.parametrize(
    ("protocol", "mechanism", "host", "shown"),
    [
        ("SASL_PLAINTEXT", "PLAIN", "kafka.example", True),
        ("SASL_PLAINTEXT", "PLAIN", "127.0.0.1", False),
        ("SASL_PLAINTEXT", "SCRAM-SHA-256", "kafka.example", False),
        ("SASL_SSL", "PLAIN", "kafka.example", False),
    ],
)
def test_a_password_that_others_could_read_on_its_way_is_known_as_such(protocol, mechanism, host, shown):
    security = KafkaSecurity(protocol, mechanism=mechanism, username="me", password="x")
    assert security.shows_password(host) is shown


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER", None])
@pytest.mark.parametrize("encrypted", [True, False])
def test_fausts_clients_get_what_ours_get(mechanism, encrypted, tmp_path: Path):
    protocol = ("SASL_" if mechanism else "") + ("SSL" if encrypted else "PLAINTEXT")
    login = {"mechanism": mechanism, "username": "me", "password": "x"} if mechanism else {}
    url = {"token_url": "https://login.example"} if mechanism == "OAUTHBEARER" else {}
    security = KafkaSecurity(protocol, **login, **url)  # type: ignore[arg-type]
    app = build_app(name="a", connection=KafkaConnection("kafka:1", security=security), folder=str(tmp_path))
    from faust.transport.drivers.aiokafka import credentials_to_aiokafka_auth

    given = dict(credentials_to_aiokafka_auth(app.conf.broker_credentials, app.conf.ssl_context))
    assert {name: value for name, value in given.items() if value is not None} == {
        name: value for name, value in security.options().items() if value is not None
    }
