"""Logging in at a POP3 server, against conversations that are written out."""

import base64

import pytest

from mailgate.intake.fetch.pop3 import Pop3Dialogue
from mailgate.model.errors import ErrorClass, SessionError
from mailgate.model.settings import Account, AuthMethod, Security
from mailgate.ports.secrets import Secret
from mailgate.wire.errors import WireError
from tests.fakes.network import ScriptedStream

GREETING = "S: +OK ready <1896.697170952@dbc.mtview.ca.us>\n"
IN = "\nC: CAPA\nS: -ERR not now"
USER = "C: USER mrose\nS: +OK\nC: PASS tanstaaf\nS: +OK"
APOP = "C: APOP mrose c4c9334bac560ecc979e58001b3e22fb\n"


def capa(*lines: str) -> str:
    return "\n".join(("C: CAPA", "S: +OK", *(f"S: {line}" for line in lines), "S: .\n"))


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


async def login(
    script: str,
    method: AuthMethod = AuthMethod.AUTO,
    *,
    user: str = "mrose",
    secret: str = "tanstaaf",
    clear: bool = False,
    apop: bool = True,
) -> str:
    """Log in as `script` says to its end; return the way that was taken."""
    stream = ScriptedStream(GREETING + script)
    stream._turns = ["C: " if line == "C:" else line for line in stream._turns]  # an empty response
    account = Account(
        name="office",
        host="server.example.com",
        port=143,
        user=user,
        password="env:X",
        auth=method,
        apop=apop,
        security=Security.NONE if clear else Security.TLS,
    )
    dialogue = Pop3Dialogue(stream, nonce=lambda: "rOprNGfwEbeRWgbNEkqO")
    await dialogue.open(account, Secret(secret))
    assert stream.over
    return dialogue.way


async def refused(script: str, method: AuthMethod = AuthMethod.AUTO, **how: object) -> SessionError:
    with pytest.raises(SessionError) as caught:
        await login(script, method, **how)  # type: ignore[arg-type]
    return caught.value


SCRAM = (
    f"C: AUTH SCRAM-SHA-256 {b64('n,,n=user,r=rOprNGfwEbeRWgbNEkqO')}\n"
    f"S: + {b64('r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096')}\n"
    "C: "
    + b64("c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=")
    + "\n"
)
PROOF = f"S: + {b64('v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=')}\nC: \nS: +OK"
CRAM = (
    f"C: AUTH CRAM-MD5\nS: + {b64('<1896.697170952@postoffice.reston.mci.net>')}\n"
    f"C: {b64('tim b913a602c7eda7a495b4e6e7334d3890')}\nS: +OK"
)


class TestAuto:
    async def test_scram_comes_first_and_the_server_proves_itself(self) -> None:
        offers = capa("SASL PLAIN LOGIN CRAM-MD5 SCRAM-SHA-1 SCRAM-SHA-256 XOAUTH2")
        assert await login(offers + SCRAM + PROOF + IN, user="user", secret="pencil") == "SCRAM-SHA-256"

    async def test_a_server_that_skips_its_proof_is_not_believed(self) -> None:
        with pytest.raises(WireError, match="impostor"):
            await login(capa("SASL SCRAM-SHA-256") + SCRAM + "S: +OK welcome", user="user", secret="pencil")

    async def test_cram_md5_comes_before_plain(self) -> None:
        script = capa("SASL PLAIN CRAM-MD5") + CRAM + IN
        assert await login(script, user="tim", secret="tanstaaftanstaaf") == "CRAM-MD5"

    async def test_login_is_taken_where_it_is_all_there_is(self) -> None:
        script = f"C: AUTH LOGIN\nS: + {b64('Username:')}\nC: {b64('mrose')}\nS: + {b64('Password:')}\nC: {b64('tanstaaf')}\nS: +OK"
        assert await login(capa("SASL LOGIN") + script + IN) == "LOGIN"

    async def test_login_may_be_asked_for_in_plain_words(self) -> None:
        script = f"C: AUTH LOGIN\nS: + Username:\nC: {b64('mrose')}\nS: + Password:\nC: {b64('tanstaaf')}\nS: +OK"
        assert await login(capa("SASL LOGIN") + script + IN) == "LOGIN"

    @pytest.mark.parametrize("offers", ["USER", "SASL PLAIN", "SASL SCRAM-SHA-256", "SASL CRAM-MD5"])
    @pytest.mark.parametrize("secret", ["hunter\r\n2", ""])
    async def test_a_password_that_cannot_be_said_is_an_error_of_the_login_before_anything_is_sent(
        self, offers: str, secret: str
    ) -> None:
        wrong = await refused(capa(offers), secret=secret)
        assert (wrong.error_class, "hunter" in str(wrong)) == (ErrorClass.AUTH, False)

    async def test_oauth_is_never_taken_of_its_own_accord(self) -> None:
        assert await login(capa("SASL XOAUTH2 OAUTHBEARER", "USER") + USER + IN) == "USER"

    async def test_a_long_response_comes_after_the_first_challenge(self) -> None:
        secret = "p" * 200
        script = f"C: AUTH PLAIN\nS: +\nC: {b64(f'{chr(0)}mrose{chr(0)}{secret}')}\nS: +OK"
        assert await login(capa("SASL PLAIN") + script + IN, secret=secret) == "PLAIN"

    async def test_a_mechanism_that_was_announced_and_is_not_known_is_followed_by_user_and_pass(self) -> None:
        script = capa("SASL CRAM-MD5") + "C: AUTH CRAM-MD5\nS: -ERR Unsupported authentication mechanism\n" + USER
        assert await login(script + IN) == "USER"

    @pytest.mark.parametrize("said", ["[AUTH] unsupported", "authentication failed", "too many logins", "no"])
    async def test_a_refused_password_is_not_tried_a_second_time(self, said: str) -> None:
        wrong = await refused(
            capa("SASL PLAIN") + f"C: AUTH PLAIN {b64(chr(0) + 'mrose' + chr(0) + 'tanstaaf')}\nS: -ERR {said}"
        )
        assert said in str(wrong)

    async def test_what_was_known_before_the_login_stays_where_capa_is_refused_after_it(self) -> None:
        stream = ScriptedStream("S: +OK\n" + capa("PIPELINING", "UIDL") + USER + IN)
        dialogue = Pop3Dialogue(stream)
        await dialogue.open(Account(name="o", host="h", user="mrose", password="env:X"), Secret("tanstaaf"))
        assert dialogue.pipelining


class TestApop:
    async def test_in_the_clear_it_comes_before_what_says_the_password(self) -> None:
        assert await login(capa("SASL PLAIN LOGIN") + APOP + "S: +OK" + IN, clear=True) == "APOP"
        assert await login("C: CAPA\nS: -ERR\n" + APOP + "S: +OK" + IN, clear=True) == "APOP"

    async def test_it_does_not_come_before_cram_md5(self) -> None:
        script = capa("SASL CRAM-MD5") + CRAM + IN
        assert await login(script, user="tim", secret="tanstaaftanstaaf", clear=True) == "CRAM-MD5"

    async def test_it_is_not_taken_over_tls_or_when_it_is_switched_off(self) -> None:
        assert await login(capa("USER") + USER + IN) == "USER"
        assert await login(capa("USER") + USER + IN, clear=True, apop=False) == "USER"

    async def test_it_is_taken_anywhere_when_the_account_says_so(self) -> None:
        assert await login(capa("SASL PLAIN") + APOP + "S: +OK" + IN, AuthMethod.APOP, apop=False) == "APOP"

    async def test_without_a_timestamp_it_cannot_be_taken(self) -> None:
        stream = ScriptedStream("S: +OK ready <not an id>\n" + capa("USER"))
        account = Account(name="o", host="h", user="mrose", password="env:X", auth=AuthMethod.APOP)
        with pytest.raises(SessionError, match="does not offer APOP"):
            await Pop3Dialogue(stream).open(account, Secret("x"))

    async def test_a_server_that_only_pretends_gets_user_and_pass(self) -> None:
        script = capa("USER") + APOP + "S: -ERR unknown command\n" + USER + IN
        assert await login(script, clear=True) == "USER"


TOKEN = "ya29." + "t" * 200
XOAUTH2 = f"C: AUTH XOAUTH2\nS: +\nC: {b64(f'user=mrose{chr(1)}auth=Bearer {TOKEN}{chr(1)}{chr(1)}')}\n"
BEARER = f"n,a=mrose,{chr(1)}host=server.example.com{chr(1)}port=143{chr(1)}auth=Bearer {TOKEN}{chr(1)}{chr(1)}"


class TestTokens:
    @pytest.mark.parametrize("token", [TOKEN, "short"])
    async def test_xoauth2_always_takes_two_steps(self, token: str) -> None:
        script = capa("SASL XOAUTH2") + XOAUTH2.replace(b64(TOKEN), "") + "S: +OK" + IN
        if token == "short":
            said = b64(f"user=mrose{chr(1)}auth=Bearer short{chr(1)}{chr(1)}")
            script = capa("SASL XOAUTH2") + f"C: AUTH XOAUTH2\nS: + \nC: {said}\nS: +OK" + IN
        assert await login(script, AuthMethod.XOAUTH2, secret=token) == "XOAUTH2"

    async def test_the_reason_of_a_refused_token_is_read_and_shown(self) -> None:
        reason = b64('{"status":"401","schemes":"bearer","scope":"https://mail.example/"}')
        wrong = await refused(
            capa("SASL XOAUTH2") + XOAUTH2 + f"S: + {reason}\nC: \nS: -ERR [AUTH] no", AuthMethod.XOAUTH2, secret=TOKEN
        )
        assert wrong.error_class is ErrorClass.AUTH
        assert "access token (status 401, scope https://mail.example/)" in str(wrong)

    async def test_a_token_that_is_refused_without_a_reason_is_told_as_one(self) -> None:
        wrong = await refused(
            capa("SASL XOAUTH2") + XOAUTH2 + "S: -ERR Authentication failure", AuthMethod.XOAUTH2, secret=TOKEN
        )
        assert str(wrong) == "the server refuses the access token: Authentication failure"

    async def test_oauthbearer_says_where_it_goes_and_gives_in_to_an_error(self) -> None:
        script = capa("SASL OAUTHBEARER") + f"C: AUTH OAUTHBEARER\nS: +\nC: {b64(BEARER)}\n"
        assert await login(script + "S: +OK" + IN, AuthMethod.OAUTHBEARER, secret=TOKEN) == "OAUTHBEARER"
        reason = b64('{"status":"invalid_token"}')
        wrong = await refused(script + f"S: + {reason}\nC: AQ==\nS: -ERR no", AuthMethod.OAUTHBEARER, secret=TOKEN)
        assert "status invalid_token" in str(wrong)


class TestByHand:
    async def test_a_mechanism_is_tried_without_haste_where_nobody_says_what_is_offered(self) -> None:
        script = f"C: CAPA\nS: -ERR\nC: AUTH PLAIN\nS: + \nC: {b64(chr(0) + 'mrose' + chr(0) + 'tanstaaf')}\nS: +OK"
        assert await login(script + IN, AuthMethod.PLAIN) == "PLAIN"

    @pytest.mark.parametrize(
        "method", [AuthMethod.SCRAM_SHA_256, AuthMethod.CRAM_MD5, AuthMethod.LOGIN, AuthMethod.XOAUTH2]
    )
    async def test_one_that_is_not_offered_is_an_error_before_any_secret(self, method: AuthMethod) -> None:
        wrong = await refused(capa("SASL PLAIN"), method)
        assert (wrong.error_class, "does not offer" in str(wrong)) == (ErrorClass.AUTH, True)

    async def test_one_that_is_refused_is_not_followed_by_another(self) -> None:
        wrong = await refused(capa("SASL LOGIN") + "C: AUTH LOGIN\nS: -ERR unknown command", AuthMethod.LOGIN)
        assert "unknown command" in str(wrong)

    @pytest.mark.parametrize("said", ["AUTH PLAIN {b64}", "PASS {secret}?", "{token}"])
    async def test_a_server_that_repeats_the_secret_does_not_bring_it_into_our_words(self, said: str) -> None:
        whole = b64(chr(0) + "mrose" + chr(0) + "tanstaaf")
        echo = said.format(b64=whole, secret="tanstaaf", token=b64("tanstaaf"))
        wrong = await refused(capa("SASL PLAIN") + f"C: AUTH PLAIN {whole}\nS: -ERR [AUTH] {echo}")
        assert whole not in str(wrong)
        assert "tanstaaf" not in str(wrong)
        assert b64("tanstaaf") not in str(wrong)

    @pytest.mark.parametrize("challenge", ["%%%", "YWJj"])
    async def test_a_challenge_that_makes_no_sense_ends_the_session(self, challenge: str) -> None:
        with pytest.raises(WireError):
            await login(
                capa("SASL SCRAM-SHA-256") + SCRAM.splitlines()[0] + f"\nS: + {challenge}\n",
                user="user",
                secret="pencil",
            )
