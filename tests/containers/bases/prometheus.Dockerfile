# Stands in for the official prom/prometheus image. The package's own service is of no use here.
FROM debian:bookworm-slim
RUN apt-get update \
    && cd /tmp && apt-get download prometheus && dpkg-deb -x prometheus_*.deb prometheus \
    && mv prometheus/usr/bin/prometheus prometheus/usr/bin/promtool /bin/ \
    && rm -rf /tmp/* /var/lib/apt/lists/* \
    && install --directory --owner=nobody --group=nogroup /prometheus && install --directory /etc/prometheus
USER nobody
WORKDIR /prometheus
VOLUME /prometheus
EXPOSE 9090
ENTRYPOINT ["/bin/prometheus"]
CMD ["--config.file=/etc/prometheus/prometheus.yml", "--storage.tsdb.path=/prometheus"]
