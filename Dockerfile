# The guardian as a static binary in an image without a shell: certificates, time zones and
# a user that is not root. Steps of kind exec and ssh need their programs: build FROM this
# image, or copy the binary into one that has them.

FROM golang:1.26-bookworm AS build
WORKDIR /src
# Modules first: they change seldom, and the layer stays.
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -ldflags='-s -w' -o /guardian ./cmd/guardian \
 && install -d -o 65532 -g 65532 /data

FROM gcr.io/distroless/static-debian12:nonroot
COPY --from=build /guardian /guardian
# The journal and the samples: give storage.path /var/lib/guardian, and mount a volume there.
COPY --from=build --chown=65532:65532 /data /var/lib/guardian
VOLUME /var/lib/guardian
# Inside a container the server must listen on 0.0.0.0:9440, which needs tokens.
EXPOSE 9440
USER 65532:65532
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 CMD ["/guardian", "ready"]
ENTRYPOINT ["/guardian"]
CMD ["serve", "--config", "/etc/guardian/guardian.yaml"]
