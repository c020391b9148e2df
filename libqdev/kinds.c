#include "config.h"
#include "libqdev/kinds.h"

#include <string.h>
#include "libqdev/limits.h"
#include "libqdev/words.h"

static const struct kind_facts facts[] = {
    [QDEV_DEVICE] = { "-device", "device_add", "driver", "id", .json = true },
    [QDEV_OBJECT] = { "-object", "object-add", "qom-type", "id", true, .json = true },
    [QDEV_NETDEV] = { "-netdev", "netdev_add", "type", "id", true, .json = true },
    [QDEV_BLOCKDEV] = { "-blockdev", "blockdev-add", "driver", "node-name", true,
                        LIMIT_QDEV_NODE_BYTES, .json = true },
    [QDEV_CHARDEV] = { "-chardev", "chardev-add", "backend", "id", true },
    [QDEV_DRIVE] = { "-drive", NULL, NULL, "id" },
};

const struct kind_facts *kind_facts(enum qdev_kind kind)
{
    return (unsigned)kind < ARRAY_SIZE(facts) && facts[kind].option ? &facts[kind] : NULL;
}

enum qdev_kind kind_of_option(struct span word)
{
    for (size_t i = 0; i < ARRAY_SIZE(facts); i++) {
        if (facts[i].option && word_is(word, facts[i].option))
            return (enum qdev_kind)i;
    }
    return QDEV_KIND_UNKNOWN;
}

const char *qdev_option(enum qdev_kind kind)
{
    const struct kind_facts *f = kind_facts(kind);
    return f ? f->option : NULL;
}

const char *qdev_command(enum qdev_kind kind)
{
    const struct kind_facts *f = kind_facts(kind);
    return f ? f->command : NULL;
}

/* QEMU's netdev_is_modern (net/net.c). */
bool kind_is_keyval(enum qdev_kind kind, const char *type)
{
    return kind == QDEV_BLOCKDEV ||
           (kind == QDEV_NETDEV && (strcmp(type, "stream") == 0 || strcmp(type, "dgram") == 0));
}

bool kind_has_list(enum qdev_kind kind, const char *name)
{
    static const struct {
        enum qdev_kind kind;
        const char *name;
    } lists[] = {
        { QDEV_OBJECT, "host-nodes" },    /* memory-backend */
        { QDEV_OBJECT, "cpu-affinity" },  /* thread-context */
        { QDEV_OBJECT, "node-affinity" }, /* thread-context */
        { QDEV_NETDEV, "dnssearch" },     /* user */
        { QDEV_NETDEV, "guestfwd" },      /* user */
        { QDEV_NETDEV, "hostfwd" },       /* user */
    };
    for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
        if (lists[i].kind == kind && strcmp(lists[i].name, name) == 0)
            return true;
    }
    return false;
}
