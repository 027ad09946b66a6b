"""Text feeds: what is read of them, and of what age it is."""

from pathlib import Path

from arbiter.runtime.agent_views import Headlines


async def test_headlines_of_an_asset_keep_the_time_they_were_first_seen(tmp_path: Path) -> None:
    feed = tmp_path / "wire.txt"
    feed.write_text("BTC|Inflows surge\nETH|Upgrade delayed\nMarkets calm\n")
    headlines = Headlines((feed,))
    first = await headlines.read("BTC", 100)
    assert first is not None
    assert [(each.text, each.at_ns) for each in first] == [
        ("Inflows surge", 100),
        ("Markets calm", 100),
    ]
    with feed.open("a") as file:
        file.write("BTC|Exchange hacked\n")
    later = await headlines.read("BTC", 200)
    assert later is not None
    assert [each.at_ns for each in later] == [100, 100, 200]


async def test_a_feed_that_is_gone_or_huge_does_no_harm(tmp_path: Path) -> None:
    assert await Headlines(()).read("BTC", 1) is None
    assert await Headlines((tmp_path / "absent",)).read("BTC", 1) == ()
    huge = tmp_path / "huge"
    huge.write_bytes(b"\xff\x00" * 10_000 + b"\n" + b"x" * 5_000_000 + b"\nlast\n")
    found = await Headlines((huge,)).read("BTC", 1)
    assert found is not None
    assert found[-1].text == "last"
    assert all(len(each.text) <= 400 for each in found)
