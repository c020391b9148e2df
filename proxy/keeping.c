#include "config.h"
#include "proxy/keeping.h"

#define MIB  (1ull << 20)
#define HOUR 3600ull /* seconds */
#define DAY  (24 * HOUR)

struct audit_keeping keeping_of(const struct snapshot *s)
{
    const struct conf *conf = s->conf;
    return (struct audit_keeping){
        .segment_bytes = conf->audit.segment_megabytes * MIB,
        .segment_seconds = conf->audit.segment_hours * HOUR,
        .compress = conf->audit.compress == CONF_COMPRESS_ZSTD,
        .keep_seconds = conf->audit.keep_days * DAY,
        .keep_bytes = conf->audit.keep_megabytes * MIB,
        .signer = s->seal_key,
        .seal_records = conf->audit.seal_records,
        .seal_seconds = conf->audit.seal_seconds,
        .seal_command = conf->audit.seal_command,
    };
}
