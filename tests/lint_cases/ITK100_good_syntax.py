async def execute(self):
    match self.line:
        case None:
            return {}
    return {"line": self.line}
