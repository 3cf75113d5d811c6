"""The account tree of the demo, as an outline that reads like the tree itself."""

from collections.abc import Iterator
from datetime import timedelta

from accounts import tree
from accounts.models import AuditEvent, Entity, User
from portal.demo.world import World

OUTLINE = """
partner Northwind Payments
  company Harbour Group
    merchant Aurora Coffee
      channel Web shop
      channel Stores
        terminal Old Harbour till 1
        terminal Old Harbour till 2
        terminal Station kiosk
        terminal Market stall
        terminal Roastery shop
        terminal Airport kiosk
        terminal Festival van
        terminal Food truck
    merchant Cedar Cycles
    merchant Delta Flowers
    merchant Fennel & Rye Bakery
    merchant Gable Hardware
    merchant Juniper Spa
    merchant Lighthouse Cinema
    merchant Old Harbour Fish Market
  company Ridgeline Retail
    company Ridgeline Outlets
      merchant Ridgeline Outlet North
      merchant Ridgeline Outlet South
      merchant Ridgeline Outlet Airport
    merchant Alder Outdoor
    merchant Basalt Furniture
    merchant Cobalt Cameras
    merchant Copper Kettle
    merchant Ember Electronics (suspended)
    merchant Foxglove Pharmacy
    merchant Granite Gym
    merchant Hazel Toys
    merchant Ivory Piano House
  company Meridian Hospitality
    company Meridian Resorts
      merchant Blue Lagoon Resort
      merchant Pine Ridge Lodge
      merchant Saltwater Camping
    merchant Corner Table
    merchant Harbour View Hostel
    merchant Hotel Belvedere
    merchant Night Ferry Bar
    merchant Rooftop Seven
  merchant Kestrel Travel
  merchant مقهى الياسمين
  merchant The Old Lighthouse Keeper's Rest, Bakery, Tea Room & Curiosities of Whitby Bay
  merchant Marigold Markets
  merchant Thistle & Thread
  merchant Willow & Wren
partner Southgate Acquiring
  merchant Borealis Books
    channel Web shop
    channel Shop on Main Street
      terminal Front desk
      terminal Reading café
  company Fjord & Field
    merchant Fjord Ferries
    merchant Fårö Knitwear
    merchant Glacier Water
    merchant Northern Lights Tours
    merchant Puffin Press
    merchant Spruce Interiors
    merchant Tundra Wear
  company Halcyon Health (suspended)
    merchant Halcyon Dental
    merchant Halcyon Optics
    merchant Halcyon Physio
  company Lantern Leisure
    merchant Arcade Eleven
    merchant Bowline Sailing School
    merchant Compass Climbing
    merchant Driftwood Surf
    merchant Kite & Current
  merchant Oakmoss Perfumery
  merchant Quartz Jewellers
  merchant Saffron & Söhne
  merchant Umber Art Supplies
company Solstice Foods
  merchant Solstice Farm Shop
  merchant Solstice Kitchen
  merchant Solstice Tea House
  merchant Solstice Wine Cellar
merchant Violet Hour Records
merchant Zephyr Bike Couriers
"""

FIRST_DAY = 400
"""Days ago on which the oldest entity was added."""

AFTER_PARENT = {"partner": (0, 5), "company": (5, 40), "merchant": (20, 110), "channel": (0.05, 2), "terminal": (1, 30)}
"""Kind -> days between the parent and its child, least and most."""

SALES_CHANNELS = ("Web shop", "Stores", "Mobile app", "Phone orders", "Marketplace")
TILLS = ("Till 1", "Till 2", "Till 3", "Counter", "Kiosk", "Handheld")

KEEPERS = {"Northwind Payments": "partner", "Southgate Acquiring": "oskar.nyberg", "Solstice Foods": "ruth.adler"}
"""Top of a tree -> the login of whoever looks after the merchants in it; elsewhere the platform does."""

NAMED_IDS = {"Aurora Coffee": "mer_8Fk2pQ0xRt71LmNa"}
"""The entity ID that the pictures of the documentation show."""


def plant(world: World) -> None:
    """Store the whole forest and note how it came about; `world.entities` then finds each by its name."""
    path: list[Entity] = []
    for depth, kind, name, suspended in _outline(world):
        del path[depth:]
        entity = _add(world, kind, name, under=path[-1] if path else None)
        path.append(entity)
        if suspended:
            _suspend(world, entity)


def keeper(world: World, entity: Entity) -> User:
    """Return who looks after `entity`, from the top of its tree."""
    top = next(node for node in world.entities.values() if node.tree_id == entity.tree_id)
    return world.people[KEEPERS.get(top.name, "platform")]


def _outline(world: World) -> Iterator[tuple[int, str, str, bool]]:
    """Yield depth, kind, name and whether it is suspended; merchants without channels get some of their own."""
    lines = [line for line in OUTLINE.splitlines() if line]
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        depth = (len(line) - len(line.lstrip())) // 2
        kind, _, rest = line.strip().partition(" ")
        name = rest.removesuffix(" (suspended)")
        yield depth, kind, name, name != rest
        if kind == "merchant" and "channel " not in following:
            yield from _channels(world, depth + 1)


def _channels(world: World, depth: int) -> Iterator[tuple[int, str, str, bool]]:
    for channel in sorted(world.rng.sample(SALES_CHANNELS, world.rng.randint(1, 2))):
        yield depth, "channel", channel, False
        if channel == "Stores":
            for till in sorted(world.rng.sample(TILLS, world.rng.randint(1, 4))):
                yield depth + 1, "terminal", till, False


def _add(world: World, kind: str, name: str, *, under: Entity | None) -> Entity:
    born = (under.created_at if under else world.ago(FIRST_DAY)) + timedelta(
        days=world.rng.uniform(*AFTER_PARENT[kind])
    )
    by = keeper(world, under) if under and kind != "company" else world.people["platform"]
    public_id = NAMED_IDS.get(name) or f"{kind[:3]}_{world.base62(16)}"
    entity = Entity(kind=kind, name=name, entity_id=public_id, created_at=born, created_by=by)
    tree.insert(entity, under=under.pk if under else None)
    world.entities.setdefault(name, entity)
    details = {"name": name, "kind": kind, "under": under.entity_id if under else ""}
    world.history.note(born, AuditEvent.Type.ENTITY_ADDED, by=by, entity=entity, target=entity.entity_id, **details)
    return entity


def _suspend(world: World, entity: Entity) -> None:
    at, by = world.ago(world.rng.uniform(3, 9)), world.people["platform"]
    Entity.objects.filter(pk=entity.pk).update(
        status=Entity.Status.SUSPENDED, suspended_at=at, suspended_by_platform=True
    )
    entity.status, entity.suspended_at = Entity.Status.SUSPENDED, at
    details = {"reason": "Contract under review."}
    world.history.note(at, AuditEvent.Type.ENTITY_SUSPENDED, by=by, entity=entity, target=entity.entity_id, **details)
