# An image that brings its model with it: the serving image and one folder of weights, which no pod has to fetch.
# See docs/kubernetes/images.md for what that is good for, and what it costs.
#
#   docker build -f docker/model.Dockerfile --build-arg SERVING_IMAGE=registry.example.com/fairlead/fairlead-serving:0.1.0 \
#     --build-arg NAME=qwen2.5-0.5b-instruct -t registry.example.com/models/qwen2.5-0.5b-instruct:1 FOLDER_OF_WEIGHTS

ARG SERVING_IMAGE
FROM ${SERVING_IMAGE}
ARG NAME
COPY . /models/${NAME}
