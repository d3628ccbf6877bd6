# The guardian as a static binary in an image with nothing else: certificates, time zones (in the
# binary), and a user that is not root. Steps of kind exec need their programs: copy the binary into an
# image that has them.

FROM golang:1.26-bookworm AS build
WORKDIR /src
# Modules first: they change seldom, and the layer stays.
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -tags timetzdata -ldflags='-s -w' -o /image/guardian ./cmd/guardian \
 && install -D -m 644 /etc/ssl/certs/ca-certificates.crt /image/etc/ssl/certs/ca-certificates.crt \
 && echo 'guardian:x:65532:65532::/var/lib/guardian:/guardian' > /image/etc/passwd \
 && mkdir /empty

FROM scratch
COPY --from=build /image /
# The journal and the samples: give storage.path /var/lib/guardian, and mount a volume there.
COPY --from=build --chown=65532:65532 /empty /var/lib/guardian
COPY --from=build --chown=65532:65532 /empty /tmp
VOLUME /var/lib/guardian
# Inside a container the server must listen on 0.0.0.0:9440, which needs tokens.
EXPOSE 9440
USER 65532:65532
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 CMD ["/guardian", "ready"]
ENTRYPOINT ["/guardian"]
CMD ["serve", "--config", "/etc/guardian/guardian.yaml"]
