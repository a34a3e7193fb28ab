"""PEM files and API keys as they are read, and who is let in by them."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from tests.support.certificates import Authority, Pair, openssl
from triptych_server.app import is_loopback
from triptych_server.rpc.access import AccessProblem, read_api_keys, read_tls
from triptych_server.rpc.authentication import ApiKeys

KEY = "0123456789abcdef"
OTHER = "A-very.long_key~with/every+sign=="


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("access") / "authority")


@pytest.fixture(scope="module")
def pair(authority: Authority) -> Pair:
    return authority.issue("good", "DNS:search.example.org,IP:127.0.0.1")


def refused(certificate: Path, key: Path, client_ca: Path | None = None) -> str:
    with pytest.raises(AccessProblem) as caught:
        read_tls(certificate, key, client_ca)
    return str(caught.value)


def test_files_that_fit(authority: Authority, pair: Pair) -> None:
    tls = read_tls(pair.certificate, pair.key, authority.pair.certificate)
    assert tls.names == ("search.example.org", "127.0.0.1")
    assert tls.valid_until.year == 2099
    assert tls.client_ca == authority.pair.certificate.read_bytes()
    chained = pair.certificate.with_name("chain.pem")
    chained.write_bytes(pair.certificate.read_bytes() + authority.pair.certificate.read_bytes())
    assert read_tls(chained, pair.key, None).names == tls.names


def test_a_certificate_without_other_names_has_its_common_name(authority: Authority) -> None:
    pair = authority.issue("plain.example.org")
    assert read_tls(pair.certificate, pair.key, None).names == ("plain.example.org",)


def test_a_certificate_that_signs_itself(tmp_path: Path) -> None:
    pair = Pair(tmp_path / "self.pem", tmp_path / "self.key")
    openssl(
        *"req -x509 -nodes -newkey rsa:2048 -days 9000 -subj /CN=alone".split(),
        *("-keyout", pair.key, "-out", pair.certificate),
    )
    assert read_tls(pair.certificate, pair.key, None).names == ("alone",)


def test_what_clients_would_refuse_is_refused(authority: Authority, pair: Pair) -> None:
    expired = authority.issue("expired", expired=True)
    said = refused(expired.certificate, expired.key)
    assert said.startswith("TRIPTYCH_TLS_CERTIFICATE: clients refuse ")
    assert said.endswith("expired.pem: certificate has expired")
    wrong = authority.issue("wrong", use="clientAuth")
    said = refused(wrong.certificate, wrong.key)
    assert said.startswith("TRIPTYCH_TLS_CERTIFICATE: clients refuse ")


def test_files_that_do_not_fit(authority: Authority, pair: Pair, tmp_path: Path) -> None:
    other = authority.issue("other")
    assert f"{other.key} is not the key of {pair.certificate}" in refused(
        pair.certificate, other.key
    )
    assert refused(pair.key, pair.key) == (
        f"TRIPTYCH_TLS_CERTIFICATE: {pair.key} holds no certificate in PEM"
    )
    no_key = "holds no private key in PEM, without a password"
    assert refused(pair.certificate, pair.certificate) == (
        f"TRIPTYCH_TLS_KEY: {pair.certificate} {no_key}"
    )
    locked, text, binary = (tmp_path / name for name in ("locked.key", "text.pem", "binary.pem"))
    openssl(*"pkey -aes256 -passout pass:sesame -in".split(), pair.key, "-out", locked)
    assert refused(pair.certificate, locked) == f"TRIPTYCH_TLS_KEY: {locked} {no_key}"
    text.write_text("no PEM")
    binary.write_bytes(bytes(range(256)))
    for file in (text, binary):
        assert "holds no certificate in PEM" in refused(file, pair.key)
        assert "TRIPTYCH_TLS_CLIENT_CA: holds no certificate in PEM" in refused(
            pair.certificate, pair.key, file
        )
    assert "of an authority" in refused(pair.certificate, pair.key, pair.certificate)
    assert refused(tmp_path / "none", pair.key).endswith(
        "can't be read (No such file or directory)"
    )
    assert refused(pair.certificate, tmp_path).endswith("can't be read (Is a directory)")


def test_keys_of_a_file(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text(f"# of the shop\n{KEY}\n\n  {OTHER} \n")
    assert read_api_keys(file) == (KEY, OTHER)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"{KEY}\nsesame", "line 2 of "),
        (f"\n\n{KEY} {KEY}", "line 3 of "),
        ("x" * 257, "line 1 of "),
        ("0123456789abcdéf", "line 1 of "),
        ("", "holds no key"),
        ("# nothing yet\n\n", "holds no key"),
        (b"\xff" * 20, "is no text"),
    ],
)
def test_a_file_that_holds_something_else_is_named_and_not_repeated(
    tmp_path: Path, text: str | bytes, said: str
) -> None:
    file = tmp_path / "keys"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(AccessProblem) as caught:
        read_api_keys(file)
    message = str(caught.value)
    assert message.startswith("TRIPTYCH_API_KEYS_FILE: ")
    assert said in message
    assert "sesame" not in message
    assert KEY not in message


@pytest.mark.parametrize(
    ("values", "let_in"),
    [
        ([f"Bearer {KEY}"], True),
        ([f"bearer {OTHER}"], True),
        ([f"BEARER  {KEY}"], True),
        ([], False),
        ([""], False),
        ([KEY], False),
        (["Bearer"], False),
        (["Bearer "], False),
        ([f"Basic {KEY}"], False),
        ([f"Bearer {KEY} "], False),
        ([f"Bearer {KEY}x"], False),
        ([f"Bearer {KEY[:-1]}"], False),
        ([f"Bearer {KEY.upper()}"], False),
        ([f"Bearer {KEY}, Bearer {KEY}"], False),
        ([f"Bearer {KEY}", f"Bearer {KEY}"], False),
        (["Bearer wrong", f"Bearer {KEY}"], False),
        (["Bearer " + hashlib.sha256(KEY.encode()).hexdigest()], False),
    ],
)
def test_who_is_let_in(values: list[str], let_in: bool) -> None:
    headers = [("x-request-id", "1"), *(("authorization", value) for value in values)]
    assert ApiKeys([KEY, OTHER, KEY]).let_in(headers) is let_in
    assert ApiKeys([]).let_in(headers)


def test_keys_are_not_kept() -> None:
    keys = ApiKeys([KEY])
    assert len(keys) == 1
    assert KEY not in repr(vars(keys))


@pytest.mark.parametrize(
    ("listen", "loopback"),
    [
        ("127.0.0.1:50051", True),
        ("127.8.0.1:0", True),
        ("[::1]:50051", True),
        ("localhost:50051", True),
        ("0.0.0.0:50051", False),
        ("[::]:50051", False),
        ("192.0.2.7:50051", False),
        ("search.example.org:50051", False),
    ],
)
def test_addresses_of_this_machine_alone(listen: str, loopback: bool) -> None:
    assert is_loopback(listen) is loopback
