# Stands in for the official chrislusf/seaweedfs image: the same program, out of PyPI's wheel. Its context is the wheel's folder.
FROM debian:bookworm-slim
COPY weed /usr/bin/weed
VOLUME /data
EXPOSE 8333
ENTRYPOINT ["weed"]
