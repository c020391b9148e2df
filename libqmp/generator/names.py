"""QEMU's names -> names in C."""

import re

# Keywords of C and C++, and words that compilers and headers define as macros.
RESERVED = set("""
    alignas alignof and and_eq asm atomic auto bitand bitor bool break case catch char class compl concept const consteval
    constexpr constinit continue co_await co_return co_yield decltype default delete do double dynamic_cast else enum explicit
    export extern false float for friend goto if inline int long mutable namespace new noexcept not not_eq nullptr operator or
    or_eq private protected public register reinterpret_cast requires restrict return short signed sizeof static static_assert
    static_cast struct switch template this thread_local throw true try typedef typeid typename typeof union unsigned using
    virtual void volatile wchar_t while xor xor_eq unix linux i386 mips sun arm errno stdin stdout stderr NULL
""".split())


def word(name):
    """`node-name` -> node_name: a member, a branch."""
    c = re.sub(r"\W", "_", name)
    if c[0].isdigit() or c in RESERVED:
        c = f"_{c}" if c[0].isdigit() else f"{c}_"
    return c


def snake(name):
    """`BlockdevOptionsQcow2` -> blockdev_options_qcow2, `PCIBusInfo` -> pci_bus_info, `query-status` -> query_status."""
    s = re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1_\2", name)
    s = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", s)
    return re.sub(r"\W", "_", s).lower()


def type_(name):
    return "qmp_" + snake(name)


def constant(enum_c, value):
    """`running` of qmp_run_state -> QMP_RUN_STATE_RUNNING."""
    c = f"{enum_c}_{re.sub(r'[^A-Za-z0-9]', '_', value)}".upper()
    return c + "_" if value == "unknown" else c


def guard(header):
    return "LIBQMP_" + re.sub(r"\W", "_", header.removeprefix("libqmp/")).upper()
