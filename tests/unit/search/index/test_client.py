import pytest

from freshet.schemas.errors import SettingsError
from freshet.search.index.qdrant.client import connect


@pytest.mark.parametrize(
    "url", ["localhost:6333", "qdrant", "", "ftp://host", "http://", "http://host:port", "http://[::1"]
)
def test_a_url_that_cannot_work_is_named_at_the_start(url):
    with pytest.raises(SettingsError, match="FRESHET_QDRANT__URL"):
        connect(url)


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_a_file_without_certificates_is_named_at_the_start(tmp_path, content):
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_text(content)
    with pytest.raises(SettingsError, match="FRESHET_QDRANT__CA_FILE"):
        connect("https://localhost:6333", ca_file=file)


async def test_the_environments_proxy_is_not_asked_for_a_local_server(monkeypatch, unused_tcp_port):
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.invalid:3128")
    monkeypatch.setenv("http_proxy", "http://proxy.invalid:3128")
    client = connect(f"http://127.0.0.1:{unused_tcp_port}")
    with pytest.raises(Exception, match="connection attempts failed"):
        await client.get_collections()
    await client.close()
