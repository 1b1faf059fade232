async def cleans_up(work, files):
    try:
        await work()
    finally:
        for file in files:
            if file is None:
                continue
            file.close()


def plain(work):
    try:
        work()
    finally:
        return 1
