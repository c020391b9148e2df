/* What docs/libraries.md explains: a VM's devices, a disk that is plugged in, a snapshot. The VM is
 * wherever its URI says: on a socket, behind a gateway, with libvirt.
 *
 *   cc tutorial.c $(pkg-config --cflags --libs libqmp libqdev) -o tutorial
 *   ./tutorial URI devices
 *   ./tutorial URI plug ID BUS
 *   ./tutorial URI snapshot NODE TAG
 */
#define _POSIX_C_SOURCE 200809L
#include <qdev.h>
#include <qmp.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TIMEOUT_MS 30000

static int complain(struct qmp_error *err)
{
    fprintf(stderr, "tutorial: %s\n", qmp_error_text(err));
    if (qmp_error_outcome(err) == QMP_OUTCOME_UNKNOWN)
        fprintf(stderr, "tutorial: whether it was done is not known\n");
    qmp_error_free(err);
    return 1;
}

/* --- its devices ------------------------------------------------------------------------------ */

static int list_devices(struct qmp_session *session)
{
    struct qmp_error *err = NULL;
    struct qmp_object_property_info_list *list = NULL;
    struct qmp_qom_list_args *args = qmp_qom_list_args_new();
    args->path = strdup("/machine/peripheral");
    int rc = qmp_qom_list(session, args, &list, &err);
    qmp_qom_list_args_free(args);
    if (rc < 0)
        return complain(err);
    for (size_t i = 0; i < list->n; i++) {
        const struct qmp_object_property_info *item = list->items[i];
        if (strncmp(item->type, "child<", 6) == 0)
            printf("%s: %.*s\n", item->name, (int)strlen(item->type) - 7, item->type + 6);
    }
    qmp_object_property_info_list_free(list);
    return 0;
}

/* --- a disk ----------------------------------------------------------------------------------- */

/* 16 MiB that read as zeros. */
static int add_node(struct qmp_session *session, const char *id)
{
    struct qmp_error *err = NULL;
    struct qmp_blockdev_options *o = qmp_blockdev_options_new();
    o->driver = QMP_BLOCKDEV_DRIVER_NULL_CO;
    o->node_name = strdup(id);
    o->u.null_co = qmp_blockdev_options_null_new();
    o->u.null_co->has_size = true;
    o->u.null_co->size = 16 << 20;
    o->u.null_co->has_read_zeroes = true;
    o->u.null_co->read_zeroes = true;
    int rc = qmp_blockdev_add(session, o, NULL, &err);
    qmp_blockdev_options_free(o);
    return rc < 0 ? complain(err) : 0;
}

/* The arguments of device_add, owned. */
static char *describe_disk(const char *id, const char *bus)
{
    struct qdev_error *err = NULL;
    char *arguments = NULL;
    struct qdev *q = qdev_new(QDEV_DEVICE, "virtio-blk-pci", id, &err);
    if (q && qdev_set_string(qdev_members(q), "drive", id, &err) == 0 &&
        qdev_set_string(qdev_members(q), "bus", bus, &err) == 0 &&
        qdev_set_bool(qdev_members(q), "write-cache", true, &err) == 0)
        arguments = qdev_to_qmp(q, 0, &err);
    if (!arguments)
        fprintf(stderr, "tutorial: %s\n", qdev_error_text(err));
    qdev_error_free(err);
    qdev_free(q);
    return arguments;
}

static int plug_disk(struct qmp_session *session, const char *id, const char *bus)
{
    struct qmp_error *err = NULL;
    char *arguments = describe_disk(id, bus);
    if (!arguments || add_node(session, id) != 0) {
        free(arguments);
        return 1;
    }
    int rc = qmp_execute(session, "device_add", arguments, NULL, &err);
    free(arguments);
    return rc < 0 ? complain(err) : 0;
}

/* --- a snapshot ------------------------------------------------------------------------------- */

static int begin_snapshot(struct qmp_session *session, const char *node, const char *tag)
{
    struct qmp_error *err = NULL;
    struct qmp_snapshot_save_args *args = qmp_snapshot_save_args_new();
    args->job_id = strdup("snapshot");
    args->tag = strdup(tag);
    args->vmstate = strdup(node);
    args->devices = qmp_str_list_new();
    qmp_str_list_append(args->devices, strdup(node));
    int rc = qmp_snapshot_save(session, args, NULL, &err);
    qmp_snapshot_save_args_free(args);
    return rc < 0 ? complain(err) : 0;
}

static int is_concluded(const struct qmp_event *event)
{
    return event->kind == QMP_EVENT_KIND_JOB_STATUS_CHANGE &&
           strcmp(event->u.job_status_change->id, "snapshot") == 0 &&
           event->u.job_status_change->status == QMP_JOB_STATUS_CONCLUDED;
}

static int wait_for_job(struct qmp_session *session)
{
    struct qmp_error *err = NULL;
    struct qmp_event *event;
    int rc, done = 0;
    while (!done && (rc = qmp_session_wait_event(session, TIMEOUT_MS, &event, &err)) > 0) {
        done = is_concluded(event);
        qmp_event_free(event);
    }
    if (done)
        return 0;
    if (rc < 0)
        return complain(err);
    fprintf(stderr, "tutorial: nothing is heard of the job\n");
    return 1;
}

/* It stays, with what went wrong, until somebody has looked. */
static int dismiss_job(struct qmp_session *session)
{
    struct qmp_error *err = NULL;
    struct qmp_job_info_list *jobs = NULL;
    int failed = 0;
    if (qmp_query_jobs(session, NULL, &jobs, &err) < 0)
        return complain(err);
    for (size_t i = 0; i < jobs->n; i++) {
        if (strcmp(jobs->items[i]->id, "snapshot") == 0 && jobs->items[i]->error) {
            fprintf(stderr, "tutorial: %s\n", jobs->items[i]->error);
            failed = 1;
        }
    }
    qmp_job_info_list_free(jobs);
    struct qmp_job_dismiss_args *args = qmp_job_dismiss_args_new();
    args->id = strdup("snapshot");
    int rc = qmp_job_dismiss(session, args, NULL, &err);
    qmp_job_dismiss_args_free(args);
    return rc < 0 ? complain(err) : failed;
}

static int take_snapshot(struct qmp_session *session, const char *node, const char *tag)
{
    if (begin_snapshot(session, node, tag) != 0 || wait_for_job(session) != 0)
        return 1;
    return dismiss_job(session);
}

/* --- all of it -------------------------------------------------------------------------------- */

int main(int argc, char **argv)
{
    struct qmp_error *err = NULL;
    struct qmp_session *session;
    if (argc < 3) {
        fprintf(stderr, "tutorial URI devices | plug ID BUS | snapshot NODE TAG\n");
        return 2;
    }
    if (qmp_open(argv[1], TIMEOUT_MS, &session, &err) < 0)
        return complain(err);
    int rc = 2;
    if (strcmp(argv[2], "devices") == 0)
        rc = list_devices(session);
    else if (strcmp(argv[2], "plug") == 0 && argc == 5)
        rc = plug_disk(session, argv[3], argv[4]);
    else if (strcmp(argv[2], "snapshot") == 0 && argc == 5)
        rc = take_snapshot(session, argv[3], argv[4]);
    qmp_close(session);
    return rc;
}
