"""Words between the processes of the backend: best effort, never the truth. Over Redis, else over PostgreSQL."""

from backend.services.bus.bus import LONGEST, Bus, BusDown, Lost, Subscription
from backend.services.bus.postgres_bus import PostgresBus
from backend.services.bus.redis_bus import RedisBus

__all__ = ["LONGEST", "Bus", "BusDown", "Lost", "PostgresBus", "RedisBus", "Subscription"]
