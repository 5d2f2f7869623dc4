# The guard's image. `make image` makes the same without a container engine.
FROM --platform=$BUILDPLATFORM golang:1.27.3 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
# .git is not in the build context: docker build --build-arg VERSION=... --build-arg COMMIT=...
ARG TARGETOS TARGETARCH VERSION COMMIT
RUN CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH go build -trimpath \
    -ldflags "-s -w -X github.com/prometheus/common/version.Version=$VERSION -X github.com/prometheus/common/version.Revision=$COMMIT" -o /webhook ./cmd/webhook

FROM scratch
COPY --from=build /webhook /webhook
USER 65532:65532
ENTRYPOINT ["/webhook"]
