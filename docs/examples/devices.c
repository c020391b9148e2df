/* devices FORM IMAGE: a disk and a network card, as words of a command line (argv), as QMP commands
 * (qmp), or for libvirt's <domain> (libvirt). One word or command a line. */
#include <qdev.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int fail(struct qdev_error *err)
{
    fprintf(stderr, "devices: %s\n", qdev_error_text(err));
    qdev_error_free(err);
    return 1;
}

static int fill_disk(struct qdev *node, struct qdev *disk, const char *image,
                     struct qdev_error **err)
{
    struct qdev_value *file = qdev_set_object(qdev_members(node), "file", err);
    return file && qdev_set_enum(file, "driver", "file", err) == 0 &&
                   qdev_set_string(file, "filename", image, err) == 0 &&
                   qdev_set_bool(qdev_members(node), "read-only", true, err) == 0 &&
                   qdev_set_string(qdev_members(disk), "drive", "disk0", err) == 0
               ? 0
               : -1;
}

static int fill_card(struct qdev *net, struct qdev *card, struct qdev_error **err)
{
    return qdev_set_bool(qdev_members(net), "restrict", true, err) == 0 &&
                   qdev_set_string(qdev_members(card), "netdev", "net0", err) == 0 &&
                   qdev_set_string(qdev_members(card), "mac", "52:54:00:12:34:56", err) == 0
               ? 0
               : -1;
}

static int print(const char *form, const struct qdev *q, struct qdev_error **err)
{
    int qmp = strcmp(form, "qmp") == 0;
    char *text = qmp ? qdev_to_qmp(q, 0, err) : qdev_to_argv(q, err);
    if (!text)
        return -1;
    if (qmp)
        printf("{\"execute\":\"%s\",\"arguments\":%s}\n", qdev_command(qdev_kind(q)), text);
    else
        printf("%s\n%s\n", qdev_option(qdev_kind(q)), text);
    free(text);
    return 0;
}

static int print_all(const char *form, struct qdev *const *items, size_t n, struct qdev_error **err)
{
    if (strcmp(form, "libvirt") == 0) {
        char *xml = qdev_to_libvirt((const struct qdev *const *)items, n, err);
        if (!xml)
            return -1;
        fputs(xml, stdout);
        free(xml);
        return 0;
    }
    for (size_t i = 0; i < n; i++) {
        if (print(form, items[i], err) < 0)
            return -1;
    }
    return 0;
}

int main(int argc, char **argv)
{
    struct qdev_error *err = NULL;
    struct qdev *items[4];
    int rc;
    if (argc != 3) {
        fputs("usage: devices argv|qmp|libvirt IMAGE\n", stderr);
        return 2;
    }
    /* these cannot fail: the names are good */
    items[0] = qdev_new(QDEV_BLOCKDEV, "raw", "disk0", NULL);
    items[1] = qdev_new(QDEV_DEVICE, "virtio-blk-pci", "d0", NULL);
    items[2] = qdev_new(QDEV_NETDEV, "user", "net0", NULL);
    items[3] = qdev_new(QDEV_DEVICE, "virtio-net-pci", "n0", NULL);
    rc = fill_disk(items[0], items[1], argv[2], &err) == 0 &&
                 fill_card(items[2], items[3], &err) == 0 && print_all(argv[1], items, 4, &err) == 0
             ? 0
             : fail(err);
    for (size_t i = 0; i < 4; i++)
        qdev_free(items[i]);
    return rc;
}
