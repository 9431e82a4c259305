"""SASL exchanges as the RFCs write them, and what a server may not do to us."""

import base64
import hashlib
import hmac
import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailgate.wire import sasl
from mailgate.wire.errors import WireError

NONCE = "rOprNGfwEbeRWgbNEkqO"
SERVER_FIRST = b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
CLIENT_FINAL = (
    b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
)
SERVER_FINAL = b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="


def scram(user: str = "user", secret: str = "pencil") -> sasl.SaslExchange:
    return sasl.begin("SCRAM-SHA-256", user=user, secret=secret, nonce=NONCE)


class TestPasswords:
    def test_plain_is_as_rfc_4616_section_4_writes_it(self) -> None:
        exchange = sasl.begin("plain", user="tim", secret="tanstaaftanstaaf")
        assert (exchange.name, exchange.initial) == ("PLAIN", b"\0tim\0tanstaaftanstaaf")
        exchange.finish()

    def test_login_answers_two_challenges_however_they_are_worded(self) -> None:
        exchange = sasl.begin("LOGIN", user="tim", secret="tanstaaf")
        assert exchange.initial is None
        assert [exchange.respond(b"Benutzername:"), exchange.respond(b"")] == [b"tim", b"tanstaaf"]
        with pytest.raises(WireError, match="more than LOGIN"):
            exchange.respond(b"Password:")

    def test_cram_md5_is_as_rfc_2195_section_2_writes_it(self) -> None:
        exchange = sasl.begin("CRAM-MD5", user="tim", secret="tanstaaftanstaaf")
        assert exchange.initial is None
        answer = exchange.respond(b"<1896.697170952@postoffice.reston.mci.net>")
        assert answer == b"tim b913a602c7eda7a495b4e6e7334d3890"
        with pytest.raises(WireError, match="second challenge"):
            exchange.respond(b"<2@x>")

    def test_an_empty_challenge_of_cram_md5_gets_no_answer(self) -> None:
        with pytest.raises(WireError, match="empty"):
            sasl.begin("CRAM-MD5", user="tim", secret="x").respond(b"")

    def test_plain_has_nothing_to_say_to_a_challenge_and_does_not_repeat_it(self) -> None:
        with pytest.raises(WireError) as caught:
            sasl.begin("PLAIN", user="tim", secret="hunter2").respond(b"\0tim\0hunter2")
        assert "hunter2" not in str(caught.value)

    @pytest.mark.parametrize("mechanism", sasl.SUPPORTED)
    @pytest.mark.parametrize("bad", ["", "hunter\r2", "hunter\n2", "hunter\0", "hunter\ud83d"])
    def test_a_secret_that_cannot_be_said_is_refused_without_showing_it(self, mechanism: str, bad: str) -> None:
        with pytest.raises(WireError) as caught:
            sasl.begin(mechanism, user="tim", secret=bad, nonce=NONCE)
        assert "hunter" not in "".join(traceback.format_exception(caught.value)).split("\n")[-2]
        assert caught.value.__context__ is None

    @pytest.mark.parametrize("mechanism", sasl.SUPPORTED)
    def test_an_exchange_does_not_show_its_secret(self, mechanism: str) -> None:
        assert "hunter2" not in repr(sasl.begin(mechanism, user="tim", secret="hunter2", nonce=NONCE))

    def test_another_mechanism_is_our_own_mistake(self) -> None:
        with pytest.raises(ValueError, match="no such mechanism"):
            sasl.begin("DIGEST-MD5", user="tim", secret="x")


class TestScram:
    def test_the_exchange_of_rfc_7677_section_3(self) -> None:
        exchange = scram()
        assert exchange.initial == b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO"
        assert exchange.respond(SERVER_FIRST) == CLIENT_FINAL
        assert exchange.respond(SERVER_FINAL) == b""
        exchange.finish()
        with pytest.raises(WireError, match="more than SCRAM"):
            exchange.respond(SERVER_FINAL)

    def test_a_server_that_cannot_prove_that_it_knows_the_password_is_an_impostor(self) -> None:
        exchange = scram()
        exchange.respond(SERVER_FIRST)
        with pytest.raises(WireError, match="impostor"):
            exchange.respond(b"v=" + base64.b64encode(bytes(32)))

    @pytest.mark.parametrize("finals", [[], [b"e=invalid-proof"], [b"nonsense"]])
    def test_success_without_a_proof_is_none(self, finals: list[bytes]) -> None:
        exchange = scram()
        exchange.respond(SERVER_FIRST)
        assert [exchange.respond(final) for final in finals] == [b""] * len(finals)
        with pytest.raises(WireError, match="impostor"):
            exchange.finish()

    def test_success_without_any_challenge_is_none(self) -> None:
        with pytest.raises(WireError, match="impostor"):
            scram().finish()

    @pytest.mark.parametrize(
        "first",
        [
            b"",
            b"r=x",
            SERVER_FIRST.replace(b"r=rO", b"r=xO"),
            b"r=rOprNGfwEbeRWgbNEkqO,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
            SERVER_FIRST.replace(b"i=4096", b"i=4095"),
            SERVER_FIRST.replace(b"i=4096", b"i=1"),
            SERVER_FIRST.replace(b"i=4096", b"i=1000001"),
            SERVER_FIRST.replace(b"i=4096", b"i=99999999999999999999"),
            SERVER_FIRST.replace(b"s=W22ZaJ0SNY7soEsUEjb6gQ==", b"s=W22"),
            b"m=ext," + SERVER_FIRST,
            b"\xff\xfe",
        ],
    )
    def test_a_first_message_that_makes_no_sense_gets_no_proof(self, first: bytes) -> None:
        with pytest.raises(WireError):
            scram().respond(first)

    def test_extensions_behind_are_passed_over(self) -> None:
        assert scram().respond(SERVER_FIRST + b",x=y").startswith(b"c=biws,")

    def test_names_are_escaped_and_both_are_prepared(self) -> None:
        assert scram("a=b,c").initial == b"n,,n=a=3Db=2Cc,r=rOprNGfwEbeRWgbNEkqO"
        assert scram("I\u00adX").initial == scram("IX").initial  # RFC 4013 section 3
        assert scram(secret="\u2168").respond(SERVER_FIRST) == scram(secret="IX").respond(SERVER_FIRST)

    @pytest.mark.parametrize("bad", ["a\x07b", "\u0627\u0031", "\ue000"])
    def test_what_saslprep_forbids_is_told_with_the_way_out(self, bad: str) -> None:
        with pytest.raises(WireError, match="set auth to `plain`"):
            scram(secret=bad)

    def test_a_password_of_which_nothing_is_left_is_none(self) -> None:
        with pytest.raises(WireError, match="the password is empty"):
            scram(secret="\u00ad")

    @pytest.mark.parametrize("nonce", ["", "short", "with,comma" * 3, "ünprintable" * 3])
    def test_a_bad_nonce_is_our_own_mistake(self, nonce: str) -> None:
        with pytest.raises(ValueError, match="nonce"):
            sasl.begin("SCRAM-SHA-256", user="a", secret="b", nonce=nonce)

    @given(
        secret=st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1), salt=st.binary(min_size=1)
    )
    def test_any_password_proves_itself_to_a_server_that_has_it(self, secret: str, salt: bytes) -> None:
        exchange = scram(secret=secret)
        first = b"r=%sX,s=%s,i=4096" % (NONCE.encode(), base64.b64encode(salt))
        final = exchange.respond(first)
        salted = hashlib.pbkdf2_hmac("sha256", secret.encode(), salt, 4096)
        bare, _, proof = final.partition(b",p=")
        message = b"n=user,r=%s," % NONCE.encode() + first + b"," + bare
        stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
        signature = hmac.digest(stored, message, "sha256")
        key = bytes(a ^ b for a, b in zip(base64.b64decode(proof), signature, strict=True))
        assert hashlib.sha256(key).digest() == stored
        server = hmac.digest(hmac.digest(salted, b"Server Key", "sha256"), message, "sha256")
        exchange.respond(b"v=" + base64.b64encode(server))
        exchange.finish()


class TestTokens:
    def test_xoauth2_is_as_google_writes_it(self) -> None:
        token = "ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg"
        exchange = sasl.begin("XOAUTH2", user="someuser@example.com", secret=token)
        assert exchange.initial == b"user=someuser@example.com\x01auth=Bearer " + token.encode() + b"\x01\x01"

    def test_oauthbearer_is_as_rfc_7628_section_4_1_writes_it(self) -> None:
        token = "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg=="
        exchange = sasl.begin("OAUTHBEARER", user="user@example.com", secret=token, host="server.example.com", port=143)
        assert exchange.initial == (
            b"n,a=user@example.com,\x01host=server.example.com\x01port=143\x01auth=Bearer "
            + token.encode()
            + b"\x01\x01"
        )

    @pytest.mark.parametrize(("mechanism", "surrender"), [("XOAUTH2", b""), ("OAUTHBEARER", b"\x01")])
    @pytest.mark.parametrize(
        ("challenge", "complaint"),
        [
            (
                b'{"status":"invalid_token","scope":"https://mail.example/"}',
                "status invalid_token, scope https://mail.example/",
            ),
            (b'{"status":"400","schemes":"Bearer"}', "status 400"),
            (b'{"status":"t0ken","scope":"\\u001b[31m"}', "status ****, scope \N{REPLACEMENT CHARACTER}[31m"),
            (b"[" * 3000, "[" * 200),
            (b'{"x":1}', "no reason given"),
            (b"", "no reason given"),
            (b"no JSON t0ken", "no JSON ****"),
        ],
    )
    def test_the_reason_of_a_refusal_is_shown_and_answered_without_the_token(
        self, mechanism: str, surrender: bytes, challenge: bytes, complaint: str
    ) -> None:
        exchange = sasl.begin(mechanism, user="anna", secret="t0ken")
        assert (exchange.respond(challenge), exchange.complaint) == (surrender, complaint)
        with pytest.raises(WireError):
            exchange.respond(challenge)

    @pytest.mark.parametrize("mechanism", ["XOAUTH2", "OAUTHBEARER"])
    @pytest.mark.parametrize("token", ["", "two words", "t\x01auth=Bearer other", "tökén"])
    def test_a_token_that_would_end_its_field_is_refused(self, mechanism: str, token: str) -> None:
        with pytest.raises(WireError, match="access token"):
            sasl.begin(mechanism, user="anna", secret=token)


@pytest.mark.parametrize(
    ("offered", "wanted", "chosen"),
    [
        (sasl.SUPPORTED, sasl.SUPPORTED, "SCRAM-SHA-256"),
        (["plain", "Cram-MD5", "LOGIN"], sasl.PASSWORD_MECHANISMS, "CRAM-MD5"),
        (["LOGIN", "PLAIN"], sasl.PASSWORD_MECHANISMS, "PLAIN"),
        (["LOGIN", "XOAUTH2"], sasl.PASSWORD_MECHANISMS, "LOGIN"),
        (["XOAUTH2", "OAUTHBEARER"], sasl.PASSWORD_MECHANISMS, None),
        (["XOAUTH2"], ["xoauth2"], "XOAUTH2"),
        (["GSSAPI"], sasl.SUPPORTED, None),
        ([], sasl.SUPPORTED, None),
    ],
)
def test_the_strongest_that_both_have_is_chosen(offered: list[str], wanted: list[str], chosen: str | None) -> None:
    assert sasl.strongest(offered, wanted=wanted) == chosen


@given(challenges=st.lists(st.binary(max_size=60), max_size=5), mechanism=st.sampled_from(sasl.SUPPORTED))
def test_no_challenge_raises_anything_but_the_one_error(challenges: list[bytes], mechanism: str) -> None:
    exchange = sasl.begin(mechanism, user="anna", secret="hunter2", nonce=NONCE)
    said = ""
    try:
        for challenge in challenges:
            exchange.respond(challenge)
        exchange.finish()
    except WireError as exc:
        said = str(exc)
    assert "hunter2" not in said
