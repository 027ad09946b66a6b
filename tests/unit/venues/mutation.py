"""Messages of a venue with something wrong in them."""

from hypothesis import strategies as st

from tests.unit.venues.frames import DATA, frames

FRAMES = {folder.name: frames(folder.name) for folder in DATA.iterdir() if folder.is_dir()}
ODDITIES = 'null|-1|0|"NaN"|"inf"|""|[]|{}|1e999|"-5"|true|"1e308"|[[1,2,3]]|"\\ud800"'
VALUES = st.sampled_from([*ODDITIES.encode().split(b"|"), b"9" * 400, b'"\xff"', b"[" * 3_000])


@st.composite
def mutated(draw: st.DrawFn, venue: str) -> bytes:
    """A message of the venue's with bytes changed, cut, doubled, or a value put in."""
    data = bytearray(draw(st.sampled_from(FRAMES[venue])))
    for _ in range(draw(st.integers(1, 4))):
        if not data:
            break
        at = draw(st.integers(0, len(data) - 1))
        match draw(st.integers(0, 4)):
            case 0:
                data[at] = draw(st.integers(0, 255))
            case 1:
                del data[at : at + draw(st.integers(1, 20))]
            case 2:
                data[at:at] = data[at : at + draw(st.integers(1, 20))]
            case 3:
                data[at:at] = draw(st.binary(min_size=1, max_size=6))
            case _:
                colon = data.find(b":", at)
                end = min(
                    (found for mark in b",}]" if (found := data.find(mark, colon)) > 0),
                    default=len(data),
                )
                if colon >= 0:
                    data[colon + 1 : end] = draw(VALUES)
    return bytes(data)
