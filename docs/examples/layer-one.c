/* libqmp without a session: it makes the messages and takes the replies apart, and somebody else
 * carries them. Here standard output and input do; a program with libvirt calls
 * virDomainQemuMonitorCommand(domain, qmp_msg_json(msg), &reply, 0) instead.
 *
 *   cc layer-one.c $(pkg-config --cflags --libs libqmp) -o layer-one
 */
#define _POSIX_C_SOURCE 200809L
#include <qmp.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int complain(struct qmp_error *err)
{
    fprintf(stderr, "layer-one: %s\n", qmp_error_text(err));
    qmp_error_free(err);
    return 1;
}

/* Sends what was built; the line that comes back, owned. */
static char *carry(const struct qmp_msg *msg)
{
    char *line = NULL;
    size_t capacity = 0;
    printf("%s\n", qmp_msg_json(msg));
    fflush(stdout);
    if (getline(&line, &capacity, stdin) < 0) {
        free(line);
        return NULL;
    }
    return line;
}

static int print_nodes(struct qmp_msg *msg)
{
    struct qmp_error *err = NULL;
    struct qmp_block_device_info_list *nodes = NULL;
    char *reply = qmp_query_named_block_nodes_build(NULL, msg, &err) == 0 ? carry(msg) : NULL;
    if (err)
        return complain(err);
    if (!reply)
        return 1;
    int rc = qmp_query_named_block_nodes_parse_reply(reply, &nodes, &err);
    free(reply);
    if (rc < 0)
        return complain(err);
    for (size_t i = 0; i < nodes->n; i++) {
        const struct qmp_block_device_info *node = nodes->items[i];
        fprintf(stderr, "%s: %s, %lld bytes%s\n", node->node_name, node->drv,
                (long long)node->image->virtual_size, node->ro ? ", read-only" : "");
    }
    qmp_block_device_info_list_free(nodes);
    return 0;
}

/* A block device of a megabyte that reads as zeros. */
static struct qmp_blockdev_options *null_disk(const char *name)
{
    struct qmp_blockdev_options *o = qmp_blockdev_options_new();
    o->driver = QMP_BLOCKDEV_DRIVER_NULL_CO;
    o->node_name = strdup(name);
    o->has_read_only = true;
    o->read_only = true;
    o->u.null_co = qmp_blockdev_options_null_new();
    o->u.null_co->has_size = true;
    o->u.null_co->size = 1 << 20;
    o->u.null_co->has_read_zeroes = true;
    o->u.null_co->read_zeroes = true;
    return o;
}

static int add_null_disk(struct qmp_msg *msg)
{
    struct qmp_error *err = NULL;
    struct qmp_blockdev_options *options = null_disk("nothing");
    int rc = qmp_blockdev_add_build(options, msg, &err);
    qmp_blockdev_options_free(options);
    if (rc < 0)
        return complain(err);
    char *reply = carry(msg);
    if (!reply)
        return 1;
    rc = qmp_blockdev_add_parse_reply(reply, NULL, &err);
    free(reply);
    return rc < 0 ? complain(err) : 0;
}

int main(void)
{
    struct qmp_msg *msg = qmp_msg_new();
    int rc = add_null_disk(msg);
    if (rc == 0)
        rc = print_nodes(msg);
    qmp_msg_free(msg);
    return rc;
}
