async def returns(work):
    try:
        await work()
    finally:
        return 1  # expect: ITK106


async def breaks(works):
    for work in works:
        try:
            await work()
        finally:
            break  # expect: ITK106


async def continues(works):
    while works:
        try:
            await works.pop()()
        finally:
            if works:
                continue  # expect: ITK106
