"""JSON of how many units the market had and sold over time."""

from pydantic import BaseModel


class UnitsJson(BaseModel):
    """Units of an epoch: `offered` were for sale or in use when it ended (of the running one: now),
    `sold` ran in it, `free` are those that were left; none where more ran than there were at the
    end. `start` in seconds."""

    epoch: int
    start: int
    offered: int
    sold: int
    free: int
