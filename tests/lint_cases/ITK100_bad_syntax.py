async def execute(self:  # expect: ITK100
    pass
