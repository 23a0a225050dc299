"""The look for secrets finds them."""

import pytest

from harness.secrets_told import first_secret, in_logs, secret


@pytest.mark.parametrize("text", [
    "put failed: https://a.blob.core.windows.net/lake?sv=2021&sig=abcdefghijklmnop%3D", "AccountName=a;AccountKey=c2VjcmV0c2VjcmV0c2VjcmV0",
    "token eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIiwiZXhwIjo5OX0.", "client_secret=hunter2&x", "-----BEGIN PRIVATE KEY-----"])
def test_what_looks_like_a_secret_is_found_and_cut(text):
    told = first_secret(f"one\n{text}\ntwo")
    assert told is not None and text not in told


def test_a_secret_of_a_test_is_found_in_the_logs(tmp_path_factory):
    directory = tmp_path_factory.mktemp("told")  # not looked through when this test ends
    made = secret("a passphrase of this test")
    assert first_secret("nothing of the kind; sig, AccountKey and eyJ are words") is None
    (directory / "penstock.log").write_text(f"warning it is {made}\n")
    assert len(in_logs(directory)) == 1 and made not in in_logs(directory)[0]
