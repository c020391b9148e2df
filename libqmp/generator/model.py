"""The facts as C sees them: which structures, members, functions there are, and in which header."""

from libqmp.generator import names
from schema.facts import BUILTINS, FactsError, element_of

# QAPI's builtins: (C type, engine's kind)
SCALARS = {
    "bool": ("bool", "BOOL"), "number": ("double", "DOUBLE"),
    "int": ("int64_t", "INT64"), "int8": ("int8_t", "INT8"), "int16": ("int16_t", "INT16"), "int32": ("int32_t", "INT32"),
    "int64": ("int64_t", "INT64"), "uint8": ("uint8_t", "UINT8"), "uint16": ("uint16_t", "UINT16"),
    "uint32": ("uint32_t", "UINT32"), "uint64": ("uint64_t", "UINT64"), "size": ("uint64_t", "UINT64"),
    "str": ("char *", "STRING"), "any": ("char *", "ANY"), "null": ("char", "NULL"),
}
UNITS = {"size": "bytes, or as the member's name says"}
# Lists of builtins are in one header of their own, whoever needs them.
BUILTIN_LISTS = {"str": "qmp_str_list", "any": "qmp_json_list", "bool": "qmp_bool_list", "number": "qmp_double_list",
                 "int": "qmp_int64_list", "int8": "qmp_int8_list", "int16": "qmp_int16_list", "int32": "qmp_int32_list",
                 "int64": "qmp_int64_list", "uint8": "qmp_uint8_list", "uint16": "qmp_uint16_list",
                 "uint32": "qmp_uint32_list", "uint64": "qmp_uint64_list", "size": "qmp_uint64_list"}
MAX_MEMBERS = 256  # LIMIT_API_MEMBERS
LISTS_MODULE = "lists"


class Member:
    def __init__(self, model, fact):
        self.wire, self.fact, self.model = fact["name"], fact, model
        self.c = names.word(self.wire)
        self.type = fact["type"]
        self.optional = fact.get("optional", False) or fact.get("late", False)
        self.loose = fact.get("loose", False)
        self.features = fact.get("features", [])

    @property
    def pointer(self):
        return self.model.is_pointer(self.type)

    @property
    def has(self):
        """The companion that tells whether it is there."""
        return f"has_{self.c}" if self.optional and not self.pointer else None

    def note(self):
        words = []
        if self.type == "any":
            words.append("JSON text")
        if self.optional:
            words.append("optional")
        if self.type == "size":
            words.append("size")
        if "since" in self.fact:
            words.append(f"since {self.fact['since']}")
        words += self.features
        if "if" in self.fact:
            words.append(f"if {condition(self.fact['if'])}")
        return ", ".join(words)


class Type:
    """A named type, or the arguments of a command or data of an event said in place."""

    def __init__(self, model, name, c, fact):
        self.model, self.name, self.c, self.fact = model, name, c, fact
        self.kind, self.module = fact["kind"], fact["module"]
        self.values, self.members, self.branches = [], [], []
        self.tag = None
        self.open = fact.get("open", False)

    def fill(self):
        fact = self.fact
        if self.kind == "enum":
            self.values = [(v["name"], names.constant(self.c, v["name"]), v) for v in fact["values"]]
        elif self.kind == "alternate":
            self.branches = [(b["name"], names.word(b["name"]), b["type"], b) for b in fact["branches"]]
        else:
            self.members = [Member(self.model, m) for m in fact["members"]]
            if len(self.members) > MAX_MEMBERS:
                raise FactsError(f"{self.name} has more members than the engine has bits")
            if fact.get("tag") and fact["branches"]:
                self.tag = next(m for m in self.members if m.wire == fact["tag"])
                self.branches = [(b["name"], names.word(b["name"]), b["type"], b) for b in fact["branches"]]
        self.check_names()
        return self

    def check_names(self):
        taken = set()
        for c in [m.c for m in self.members] + [m.has for m in self.members if m.has] + ["u"] * bool(self.tag):
            if c in taken:
                raise FactsError(f"{self.name}: two members are {c} in C")
            taken.add(c)

    @property
    def early_members(self):
        """Those before `u`: what the first release has, or what was there when branches came."""
        after = self.fact.get("tag_after")
        return self.members[:after] if after is not None else [m for m in self.members if not m.fact.get("late")]

    @property
    def late_members(self):
        return self.members[len(self.early_members):]

    @property
    def is_empty_at_first(self):
        return not self.early_members and not self.open

    @property
    def branch_pointers(self):
        """Branches that have members: others have no pointer."""
        return [b for b in self.branches if self.model.has_members(b[2])]

    @property
    def kind_enum(self):
        """An alternate's."""
        return f"{self.c}_kind"

    def choice_constant(self, name):
        return names.constant(self.kind_enum, name)


class Command:
    def __init__(self, name, fact, args, returns):
        self.name, self.fact, self.args, self.returns = name, fact, args, returns
        self.c = "qmp_" + names.snake(name)
        self.module = fact["module"]
        self.features = fact.get("features", [])


class Event:
    def __init__(self, name, fact, data):
        self.name, self.fact, self.data = name, fact, data
        self.c = names.snake(name)
        self.module = fact["module"]
        self.features = fact.get("features", [])


def condition(c):
    if isinstance(c, str):
        return c
    key, inner = next(iter(c.items()))
    if key == "not":
        return f"not {condition(inner)}"
    return {"all": " and ", "any": " or "}[key].join(condition(i) for i in inner)


class Model:
    def __init__(self, facts):
        self.facts, self.types = facts, {}
        for name, fact in facts.types.items():
            self.types[name] = Type(self, name, names.type_(name), fact)
        self.commands = [self.command(n, f) for n, f in sorted(facts.commands.items())]
        # an event's number is its place: the order of the first release, then later ones behind
        self.events = [self.event(n, f) for n, f in facts.events.items()]
        for t in self.types.values():
            t.fill()
        self.lists = sorted(self.find_lists())
        self.modules = [m for m in facts.modules if any(x.module == m for x in (*self.types.values(), *self.commands))]
        self.check_names()

    # --- what is said in place ---------------------------------------------------------------------

    def in_place(self, name, c, fact, key):
        value = fact.get(key)
        if not isinstance(value, dict):
            return value
        own = {"kind": "object", "module": fact["module"], "members": value["members"],
               **({"open": True} if fact.get("open") else {})}
        self.types[name] = Type(self, name, c, own)
        return name

    def command(self, name, fact):
        args = self.in_place(f"{name} arguments", f"qmp_{names.snake(name)}_args", fact, "args")
        return Command(name, fact, args, fact.get("returns"))

    def event(self, name, fact):
        return Event(name, fact, self.in_place(f"{name} data", f"qmp_{names.snake(name)}_event", fact, "data"))

    # --- types in C ----------------------------------------------------------------------------------

    def is_pointer(self, t):
        return bool(element_of(t)) or t in ("str", "any") or (t not in BUILTINS and self.types[t].kind != "enum")

    def has_members(self, t):
        return not (t in self.types and self.types[t].kind == "object" and not self.types[t].members)

    def list_name(self, t):
        element = element_of(t)
        return BUILTIN_LISTS.get(element) or f"{self.types[element].c}_list"

    def c_type(self, t):
        """With a blank or a star at its end, as a declaration wants it."""
        if element_of(t):
            return f"struct {self.list_name(t)} *"
        if t in SCALARS:
            c = SCALARS[t][0]
            return c if c.endswith("*") else c + " "
        if self.types[t].kind == "enum":
            return f"enum {self.types[t].c} "
        return f"struct {self.types[t].c} *"

    def table(self, t):
        """The engine's table of a type."""
        if element_of(t):
            return f"codec_of_{self.list_name(t)}"
        if t in SCALARS:
            return f"codec_of_{SCALARS[t][1].lower()}"
        return f"codec_of_{self.types[t].c}"

    def find_lists(self):
        used = set()
        for f in (*self.facts.types.values(), *self.facts.commands.values(), *self.facts.events.values()):
            used.update(t for t in self.facts.used_by(f) if element_of(t) and element_of(t) not in BUILTINS)
        return used

    def enums_of(self, t):
        """Modules whose enumerations a type holds by value."""
        for inner in [m.type for m in t.members] + [b[2] for b in t.branches]:
            if inner in self.types and self.types[inner].kind == "enum":
                yield self.types[inner].module

    def check_names(self):
        taken = {}
        for c in self.all_tags():
            if c in taken:
                raise FactsError(f"two types are {c} in C")
            taken[c] = True
        functions = list(self.functions())
        if len(functions) != len(set(functions)):
            raise FactsError("two functions have one name in C")

    def all_tags(self):
        for t in self.types.values():
            yield t.c
            if t.kind == "alternate":
                yield t.kind_enum
        yield from (self.list_name(t) for t in self.lists)
        yield from ("qmp_event", "qmp_event_kind", "qmp_msg", "qmp_error", "qmp_error_kind", "qmp_outcome")
        yield from {c for c in BUILTIN_LISTS.values()}

    # --- functions -----------------------------------------------------------------------------------

    def functions(self):
        """Names of all functions that are generated."""
        for t in self.types.values():
            if t.kind == "enum":
                yield from (f"{t.c}_to_string", f"{t.c}_from_string")
            else:
                yield from (f"{t.c}_{f}" for f in ("new", "free", "copy", "equal", "to_json", "from_json"))
        for c in {self.list_name(t) for t in self.lists} | set(BUILTIN_LISTS.values()):
            yield from (f"{c}_{f}" for f in ("new", "free", "copy", "equal", "to_json", "from_json", "append"))
        for command in self.commands:
            yield from (command.c, f"{command.c}_build", f"{command.c}_parse_reply")
