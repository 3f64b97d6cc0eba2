# vfioguard in a container: docs/container.md says how to run it and what it sees there.
#
# BASE has Python 3.11 or later and libudev, BUILDER the same Python with venv. Without a network:
# --build-arg BASE=..., and PIP_NO_INDEX=1 and PIP_FIND_LINKS=DIR for pip.
ARG BASE=python:3.13-slim-bookworm
ARG BUILDER=${BASE}

FROM ${BUILDER} AS build
ARG PIP_NO_INDEX
ARG PIP_FIND_LINKS
WORKDIR /src
COPY pyproject.toml uv.lock README.md LICENSE ./
COPY vfioguard vfioguard
# The locked versions, by their hashes. What is copied on has no pip; another environment lends its
# own. Compiled here, as the file system of a container is best read-only.
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
# Python's official images bring pip. And this /etc is not the host's: whoever looks into its
# modprobe.d would say that no option sets an override, so nobody may; mount the host's over it.
RUN rm -rf /usr/local/lib/python3.*/ensurepip /usr/local/lib/python3.*/site-packages/pip* \
        /usr/local/bin/pip* \
    && install -d -m 0000 /etc/modprobe.d /usr/lib/modprobe.d
COPY --from=build /opt/vfioguard /opt/vfioguard
ENV PATH=/opt/vfioguard/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1
# nobody: what vfioguard cannot read without rights it reports as such.
USER 65534:65534
# No HEALTHCHECK: it would also run beside `report`, and orchestrators have their own; for `serve`
# it is in docs/container.md.
ENTRYPOINT ["vfioguard"]
CMD ["report"]
