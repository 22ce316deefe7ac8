"""Who calls, and where this runs."""

from wasmarket_guest.reach import find


def parameters() -> dict[str, str]:
    """Return what is known of this call: `init_peer_id` (who signed it, empty where nobody did),
    `service_id`, `service_creator_peer_id`, `host_id`, `worker_id`, `particle_id`.
    """
    return dict(find("call").parameters())
