# Stands in for the official postgres image: Debian's PostgreSQL behind an entry point that takes the same variables.
FROM debian:bookworm-slim
RUN apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends locales postgresql postgresql-contrib \
    && rm -rf /var/lib/apt/lists/* /var/lib/postgresql/15 /etc/postgresql
COPY postgres-entrypoint.sh /usr/local/bin/docker-entrypoint.sh
ENV PATH=/usr/lib/postgresql/15/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    PGDATA=/var/lib/postgresql/data
RUN install --directory --owner=postgres --group=postgres --mode=0700 "$PGDATA" \
    && install --directory --owner=postgres --group=postgres --mode=2775 /var/run/postgresql
VOLUME /var/lib/postgresql/data
EXPOSE 5432
STOPSIGNAL SIGINT
ENTRYPOINT ["docker-entrypoint.sh"]
CMD ["postgres"]
