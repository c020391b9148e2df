#include "config.h"
#include "acl/classes.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include "acl/acl.h"

static const char *const class_names[ACL_N_CLASSES] = {
#define CLASS(id, name) [ACL_CLASS_NUMBER_##id] = name,
#include "acl/classes.def"
#undef CLASS
};

/* The bits under the short names that commands.def uses. */
enum class_bit {
#define CLASS(id, name) id = INT64_C(1) << ACL_CLASS_NUMBER_##id,
#include "acl/classes.def"
#undef CLASS
};

struct command_facts {
    const char *name;
    uint64_t classes;
};

static const struct command_facts commands[] = {
#define COMMAND(command, bits) { .name = command, .classes = bits },
#include "acl/commands.def"
#undef COMMAND
};

static const char *const events[] = {
#define EVENT(name) name,
#include "acl/events.def"
#undef EVENT
};

/* commands.def is in the order of reasons; this is by name, made once. */
static const struct command_facts *by_name[ARRAY_SIZE(commands)];
static const char *names_of[ARRAY_SIZE(commands)][ACL_N_CLASSES + 1]; /* by by_name's numbers */
static pthread_once_t by_name_once = PTHREAD_ONCE_INIT;

static int compare_spans(struct span a, struct span b)
{
    int order = memcmp(a.data, b.data, a.len < b.len ? a.len : b.len);
    return order || a.len == b.len ? order : a.len < b.len ? -1 : 1;
}

static struct span span_of(const char *s)
{
    return (struct span){ s, strlen(s) };
}

static int compare_for_sort(const void *a, const void *b)
{
    const struct command_facts *const *x = a, *const *y = b;
    return strcmp((*x)->name, (*y)->name);
}

static void make_by_name(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
        by_name[i] = &commands[i];
    qsort(by_name, ARRAY_SIZE(by_name), sizeof(by_name[0]), compare_for_sort);
    for (size_t i = 0; i < ARRAY_SIZE(by_name); i++) {
        size_t n = 0;
        for (unsigned c = 0; c < ACL_N_CLASSES; c++) {
            if (by_name[i]->classes & UINT64_C(1) << c)
                names_of[i][n++] = class_names[c];
        }
    }
}

/* Its number in by_name, or -1. */
static ptrdiff_t find(struct span name)
{
    pthread_once(&by_name_once, make_by_name);
    size_t low = 0, high = ARRAY_SIZE(by_name);
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = compare_spans(name, span_of(by_name[middle]->name));
        if (order == 0)
            return (ptrdiff_t)middle;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return -1;
}

uint64_t acl_class_by_name(const char *name)
{
    for (unsigned c = 0; c < ACL_N_CLASSES; c++) {
        if (strcmp(name, class_names[c]) == 0)
            return UINT64_C(1) << c;
    }
    return 0;
}

size_t acl_table_n_commands(void)
{
    return ARRAY_SIZE(by_name);
}

const char *acl_table_command(size_t i)
{
    pthread_once(&by_name_once, make_by_name);
    return by_name[i]->name;
}

uint64_t acl_table_classes(struct span command)
{
    ptrdiff_t i = find(command);
    return i < 0 ? 0 : by_name[i]->classes;
}

bool acl_table_knows_event(struct span event)
{
    for (size_t i = 0; i < ARRAY_SIZE(events); i++) {
        if (compare_spans(event, span_of(events[i])) == 0)
            return true;
    }
    return false;
}

bool acl_is_gateway_name(struct span name)
{
    return name.len >= strlen(ACL_GATEWAY_PREFIX) &&
           memcmp(name.data, ACL_GATEWAY_PREFIX, strlen(ACL_GATEWAY_PREFIX)) == 0;
}

const char *const *acl_classes_of(const char *command)
{
    ptrdiff_t i = find(span_of(command));
    return i < 0 ? NULL : names_of[i];
}

/* What the table does not know could reach anything. */
bool acl_reaches_host(const char *command)
{
    ptrdiff_t i = find(span_of(command));
    return i < 0 || (by_name[i]->classes & ACL_OWN_NAME_CLASSES) != 0;
}

bool acl_is_fd_command(const char *command)
{
    ptrdiff_t i = find(span_of(command));
    return i >= 0 && (by_name[i]->classes & FD) != 0;
}

bool acl_is_query_command(struct span command)
{
    return (acl_table_classes(command) & QUERY) != 0;
}
