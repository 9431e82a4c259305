"""A disk with room for everything."""


async def plenty() -> tuple[int, int]:
    return 10**12, 10**12
