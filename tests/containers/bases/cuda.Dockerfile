# Stands in for both of NVIDIA's CUDA images: the toolkit, cuBLAS and cuDNN out of PyPI's wheels, some 4 GB. The driver is a stub, for
# the linker alone: what is built runs where a driver is.
FROM debian:bookworm-slim
RUN apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends gcc libc6-dev python3-venv \
    && rm -rf /var/lib/apt/lists/*
RUN --mount=type=secret,id=authorities \
    python3 -m venv /opt/cuda \
    && PIP_CERT=/run/secrets/authorities /opt/cuda/bin/pip install --quiet --no-cache-dir \
        nvidia-cuda-nvcc==13.0.88 nvidia-nvvm==13.0.88 nvidia-cuda-crt==13.0.88 nvidia-cuda-runtime==13.0.96 \
        nvidia-cuda-nvrtc==13.0.88 nvidia-cuda-cccl==13.0.85 'nvidia-cublas<13.2' nvidia-curand==10.4.0.35 'nvidia-cudnn-cu13<9.20' \
    && cd /opt/cuda/lib/python3*/site-packages/nvidia \
    && ln -s "$PWD/cu13" /usr/local/cuda \
    && ln -s lib cu13/lib64 \
    && ln -s "$PWD"/cudnn/lib/lib*.so.* cu13/lib/ \
    && ln -s "$PWD"/cudnn/include/* cu13/include/ \
    && for lib in cu13/lib/lib*.so.*; do ln -sf "$(basename "$lib")" "${lib%%.so.*}.so"; done \
    && mkdir -p cu13/lib/stubs \
    && echo 'void cuda_driver_stub(void) {}' | gcc -shared -fPIC -x c - -Wl,-soname,libcuda.so.1 -o cu13/lib/stubs/libcuda.so
ENV CUDA_HOME=/usr/local/cuda \
    CUDA_PATH=/usr/local/cuda \
    CUDA_ROOT=/usr/local/cuda \
    PATH=/usr/local/cuda/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    LIBRARY_PATH=/usr/local/cuda/lib:/usr/local/cuda/lib/stubs \
    LD_LIBRARY_PATH=/usr/local/cuda/lib \
    RUSTFLAGS="-C link-arg=-Wl,--unresolved-symbols=ignore-all"
# Whatever authorities this machine trusts, cargo has to trust as well.
RUN --mount=type=secret,id=authorities cp /run/secrets/authorities /etc/ssl/authorities.crt
ENV CARGO_HTTP_CAINFO=/etc/ssl/authorities.crt
