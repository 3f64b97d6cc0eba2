# vfioguard in a container: docs/container.md says how to run it and what it sees there.
#
# BASE has Python 3.11 or later and libudev, and BUILDER the same Python with venv. Without a network
# give --build-arg BASE=..., and PIP_NO_INDEX=1 and PIP_FIND_LINKS=DIR for pip.
ARG BASE=python:3.13-slim-bookworm
ARG BUILDER=${BASE}

FROM ${BUILDER} AS build
ARG PIP_NO_INDEX
ARG PIP_FIND_LINKS
WORKDIR /src
COPY pyproject.toml uv.lock README.md LICENSE ./
COPY vfioguard vfioguard
# What the wheel brings for `vfioguard install-units`: release/wheel.py.
COPY release release
COPY systemd systemd
# Installs the locked versions, by their hashes. The environment that is copied has no pip, so pip of
# another one installs into it. It compiles here, as a container's file system is best read-only.
RUN python3 -m venv /tools \
    && /tools/bin/pip install --no-cache-dir "uv>=0.9.18" \
    && /tools/bin/uv export --quiet --frozen --no-default-groups --no-emit-project \
        --extra web --output-file /tools/requirements.txt \
    && python3 -m venv --without-pip /opt/vfioguard \
    && /tools/bin/pip --python /opt/vfioguard/bin/python install --no-cache-dir --compile \
        --require-hashes --requirement /tools/requirements.txt \
    && /tools/bin/pip --python /opt/vfioguard/bin/python install --no-cache-dir --compile \
        --no-deps .

FROM ${BASE}
LABEL org.opencontainers.image.title="vfioguard" \
    org.opencontainers.image.description="Says which IOMMU groups VFIO would refuse on this host, and why" \
    org.opencontainers.image.licenses="Apache-2.0"
# Python's official images bring pip. And this /etc is not the host's. Its modprobe.d would say that
# no option sets an override, so it is made unreadable; mount the host's over it.
RUN rm -rf /usr/local/lib/python3.*/ensurepip /usr/local/lib/python3.*/site-packages/pip* \
        /usr/local/bin/pip* \
    && install -d -m 0000 /etc/modprobe.d /usr/lib/modprobe.d
COPY --from=build /opt/vfioguard /opt/vfioguard
ENV PATH=/opt/vfioguard/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1
# The user nobody. vfioguard reports what it may not read.
USER 65534:65534
# There is no HEALTHCHECK, as it would also run beside `report`. docs/container.md has one for `serve`.
ENTRYPOINT ["vfioguard"]
CMD ["report"]
