#include "config.h"
#include "proxy/keeping.h"

#define MIB  (1ull << 20)
#define HOUR 3600ull /* seconds */

struct audit_keeping keeping_of(const struct conf *conf)
{
    return (struct audit_keeping){
        .segment_bytes = conf->audit.segment_megabytes * MIB,
        .segment_seconds = conf->audit.segment_hours * HOUR,
    };
}
