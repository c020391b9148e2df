/* Prints the table of device_add (acl/device.def), for tests that hold it against a real QEMU:
 *   driver NAME REACH
 *   property DRIVER GROUP NAME REACH
 *   alias NAME TARGET...
 * and with arguments, what the table says of them: device_table DRIVER [PROPERTY...]. */
#include "config.h"

#include <stdio.h>
#include <string.h>
#include "acl/device.h"

static struct span span_of(const char *s)
{
    return (struct span){ s, strlen(s) };
}

static void show(void *opaque, const char *group, const char *property, enum acl_reach reach)
{
    const char *driver = opaque;
    printf("property %s %s %s %s\n", driver, group, property, acl_reach_name(reach));
}

static void list(void)
{
    for (size_t i = 0; i < acl_device_n_drivers(); i++) {
        const char *driver = acl_device_driver(i);
        printf("driver %s %s\n", driver, acl_reach_name(acl_device_driver_reach(span_of(driver))));
        acl_device_each_property(i, show, (void *)driver);
    }
    for (size_t i = 0; i < acl_device_n_aliases(); i++) {
        const char *alias = acl_device_alias(i);
        printf("alias %s", alias);
        for (unsigned v = ACL_VIRTIO_PCI; v < ACL_N_VIRTIOS; v++) {
            struct span target = acl_device_canonical(span_of(alias), (enum acl_virtio)v);
            printf(" %s", target.len == 0 ? "-" : target.data);
        }
        printf("\n");
    }
}

int main(int argc, char **argv)
{
    if (argc == 1) {
        list();
        return 0;
    }
    printf("%s %s\n", argv[1], acl_reach_name(acl_device_driver_reach(span_of(argv[1]))));
    for (int i = 2; i < argc; i++)
        printf("%s %s\n", argv[i],
               acl_reach_name(acl_device_property_reach(span_of(argv[1]), span_of(argv[i]))));
    return 0;
}
