"""What goes over the wire: the shapes of requests and answers, from which the OpenAPI description is made."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from crispnet.look import DEFAULT
from crispnet.raw.light import TINT_RANGE
from crispnet.serve.line import Job, Kind, Ordered, State
from crispnet.serve.wish import AS_SHOT, Wish

Name = Annotated[str, StringConstraints(max_length=120)]


class Form(BaseModel):
    """A request: what is not known is refused."""

    model_config = ConfigDict(extra="forbid")


class Refusal(BaseModel):
    """Why something was not done: what is wrong, what was needed, what to try."""

    detail: str


class Controls(Form):
    """What a photograph is to look like."""

    look: Name = DEFAULT
    other: Annotated[Name, Field(description="A look to begin from, of which `look` takes the place.")] = ""
    strength: Annotated[float, Field(ge=0, le=1, description="How far it takes its place.")] = 1.0
    white_balance: Annotated[
        str, Field(max_length=80, description="as-shot, a temperature in kelvin, or multipliers R,G,B.")
    ] = AS_SHOT
    tint: Annotated[
        float, Field(ge=TINT_RANGE[0], le=TINT_RANGE[1], description="1/3000 of CIE 1960 uv; above 0, magenta.")
    ] = 0.0
    exposure: Annotated[float, Field(ge=-5, le=5, description="EV.")] = 0.0
    match: Annotated[bool, Field(description="Take the colours of the camera's own picture.")] = False

    def wish(self) -> Wish:
        """Take it as a wish."""
        return Wish(self.look, self.other, self.strength, self.white_balance, self.tint, self.exposure, self.match)


class Small(Controls):
    """A small rendering."""

    size: Literal["draft", "quick"] = "quick"


class Order(Form):
    """A photograph to develop at its full size."""

    photograph: Name
    kind: Annotated[
        Ordered,
        Field(
            description="A format to keep; `view`, a JPEG to look at, without shooting data; or `report`, a page that "
            "sets it beside the camera's own picture."
        ),
    ] = "jpeg"
    controls: Controls = Controls()


class Pair(Form):
    """Two pictures to compare, which were brought like photographs."""

    result: Name
    reference: Name
    align: Annotated[bool, Field(description="Lay them over each other first; else pairs that lie apart fail.")] = True


class Leaving(Form):
    """What a page takes along that is left; some of it may be gone already."""

    photographs: Annotated[list[Name], Field(max_length=1000)]


class Brought(BaseModel):
    """A photograph that lies on the desk."""

    id: str
    name: str
    size: int
    picture: str = Field(description="Name of the camera's picture that was brought with it; empty for none.")


class Value(BaseModel):
    """A value that the file holds."""

    name: str
    value: str
    source: str


class LightOf(BaseModel):
    """A light."""

    kelvin: float
    tint: float


class Told(BaseModel):
    """What a raw file says."""

    width: int
    height: int
    light: LightOf = Field(description="The light that the white balance as shot makes neutral.")
    values: list[Value]
    exif: dict[str, str | float]
    notes: list[str]


class Histogram(BaseModel):
    """Counts of each colour in equal ranges of its codes; shares of pixels at the lowest and the highest code."""

    red: list[int]
    green: list[int]
    blue: list[int]
    black: list[float]
    white: list[float]


class Box(BaseModel):
    """A rectangle, in shares of a frame's height and width."""

    top: float
    left: float
    height: float
    width: float


class CameraPicture(BaseModel):
    """The camera's own picture."""

    picture: str
    colour_space: str
    width: int
    height: int
    place: Box | None = Field(description="Where it lies in our frame; null where it does not belong to the raw.")
    reason: str


class Differences(BaseModel):
    """ΔE76 between a quick rendering, at half its size, and the camera's own picture of it."""

    width: int
    height: int
    mean: float
    median: float
    p95: float
    below_jnd: float = Field(description="Share of pixels below what is just noticeable.")
    jnd: float
    compared: float = Field(description="Share of pixels that the camera's picture shows.")


class Grey(LightOf):
    """The white balance that makes a place grey."""

    white_balance: str


class LookOffered(BaseModel):
    """A look to choose."""

    name: str
    version: str
    summary: str


class Offer(BaseModel):
    """What this server offers, and its limits."""

    version: str
    looks: list[LookOffered]
    default: str
    formats: list[str]
    most_bytes: int
    most_photographs: int
    minutes: float = Field(description="After which what nobody used is removed.")
    jnd: float
    largest: float = Field(description="ΔE76 that has the map's last colour.")
    colours: list[str] = Field(description="Of the map of ΔE76, from 0 to `largest`.")


class JobTold(BaseModel):
    """What was ordered, and what became of it."""

    id: str
    photograph: str
    kind: Kind
    name: str
    state: State
    error: str
    seconds: float
    look: str
    notes: list[str]
    mixes: Annotated[
        Literal["", "scenes", "pictures"],
        Field(description="What strength mixes: scenes, where two looks share a renderer, else pictures."),
    ] = ""

    @classmethod
    def of(cls, job: Job) -> "JobTold":
        """Tell of a job."""
        facts = job.facts
        return cls(
            id=job.id,
            photograph=job.item.id,
            kind=job.kind,
            name=job.name,
            state=job.state,
            error=job.error,
            seconds=round(job.seconds, 3),
            look=facts.get("look", ""),
            notes=facts.get("notes", []),
            mixes=facts.get("mixes", ""),
        )
