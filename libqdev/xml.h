/* What both directions of XML know. */
#ifndef LIBQDEV_XML_H
#define LIBQDEV_XML_H

#include <stdbool.h>
#include <stdint.h>

#define XML_QEMU_NAMESPACE "http://libvirt.org/schemas/domain/qemu/1.0"

/* XML 1.0, production 2 (Char). */
static inline bool xml_is_character(uint32_t c)
{
    if (c < 0x20)
        return c == '\t' || c == '\n' || c == '\r';
    return c <= 0xd7ff || (c >= 0xe000 && c <= 0xfffd) || (c >= 0x10000 && c <= 0x10ffff);
}

#endif
