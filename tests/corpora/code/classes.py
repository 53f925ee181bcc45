"""Networks as classes: what the forward pass makes is kept on self, and costFunctionPrime goes back through it."""

import numpy as np

from symbackprop.kinds import MistakeKind as Kind
from tests.corpora.code.case import family, of


class Neural_Network(object):
    def __init__(self):
        self.inputLayerSize = 2
        self.outputLayerSize = 1
        self.hiddenLayerSize = 3
        self.W1 = np.random.randn(self.inputLayerSize, self.hiddenLayerSize)
        self.W2 = np.random.randn(self.hiddenLayerSize, self.outputLayerSize)

    def forward(self, X):
        self.z2 = np.dot(X, self.W1)
        self.a2 = self.sigmoid(self.z2)
        self.z3 = np.dot(self.a2, self.W2)
        yHat = self.sigmoid(self.z3)
        return yHat

    def sigmoid(self, z):
        return 1 / (1 + np.exp(-z))

    def sigmoidPrime(self, z):
        return np.exp(-z) / ((1 + np.exp(-z)) ** 2)

    def costFunction(self, X, y):
        self.yHat = self.forward(X)
        J = 0.5 * sum((y - self.yHat) ** 2)
        return J

    def costFunctionPrime(self, X, y):
        self.yHat = self.forward(X)
        delta3 = np.multiply(-(y - self.yHat), self.sigmoidPrime(self.z3))
        dJdW2 = np.dot(self.a2.T, delta3)
        delta2 = np.dot(delta3, self.W2.T) * self.sigmoidPrime(self.z2)
        dJdW1 = np.dot(X.T, delta2)
        return dJdW1, dJdW2


class NN_sign(Neural_Network):
    def costFunctionPrime(self, X, y):
        self.yHat = self.forward(X)
        delta3 = np.multiply((y - self.yHat), self.sigmoidPrime(self.z3))
        dJdW2 = np.dot(self.a2.T, delta3)
        delta2 = np.dot(-delta3, self.W2.T) * self.sigmoidPrime(self.z2)
        dJdW1 = np.dot(X.T, delta2)
        return dJdW1, dJdW2


class NN_minus(Neural_Network):
    def costFunctionPrime(self, X, y):
        self.yHat = self.forward(X)
        delta3 = np.multiply((y - self.yHat), self.sigmoidPrime(self.z3))
        dJdW2 = np.dot(self.a2.T, delta3)
        delta2 = np.dot(delta3, self.W2.T) * self.sigmoidPrime(self.z2)
        dJdW1 = np.dot(X.T, delta2)
        return dJdW1, dJdW2


class NN_sigmoid_for_prime(Neural_Network):
    def costFunctionPrime(self, X, y):
        self.yHat = self.forward(X)
        delta3 = np.multiply(-(y - self.yHat), self.sigmoidPrime(self.z3))
        dJdW2 = np.dot(self.a2.T, delta3)
        delta2 = np.dot(delta3, self.W2.T) * self.sigmoid(self.z2)
        dJdW1 = np.dot(X.T, delta2)
        return dJdW1, dJdW2


class NN_prime_of_a2(Neural_Network):
    def costFunctionPrime(self, X, y):
        self.yHat = self.forward(X)
        delta3 = np.multiply(-(y - self.yHat), self.sigmoidPrime(self.z3))
        dJdW2 = np.dot(self.a2.T, delta3)
        delta2 = np.dot(delta3, self.W2.T) * self.sigmoidPrime(self.a2)
        dJdW1 = np.dot(X.T, delta2)
        return dJdW1, dJdW2


class NN_prime_of_yHat(Neural_Network):
    def costFunctionPrime(self, X, y):
        self.yHat = self.forward(X)
        delta3 = np.multiply(-(y - self.yHat), self.sigmoidPrime(self.yHat))
        dJdW2 = np.dot(self.a2.T, delta3)
        delta2 = np.dot(delta3, self.W2.T) * self.sigmoidPrime(self.z2)
        dJdW1 = np.dot(X.T, delta2)
        return dJdW1, dJdW2


class NN_z2_for_a2(Neural_Network):
    def costFunctionPrime(self, X, y):
        self.yHat = self.forward(X)
        delta3 = np.multiply(-(y - self.yHat), self.sigmoidPrime(self.z3))
        dJdW2 = np.dot(self.z2.T, delta3)
        delta2 = np.dot(delta3, self.W2.T) * self.sigmoidPrime(self.z2)
        dJdW1 = np.dot(X.T, delta2)
        return dJdW1, dJdW2


NN = {"X": ("N", 2), "y": ("N", 1)}
NN_WEIGHTS = {"W1": (2, 3), "W2": (3, 1)}


# The same with a penalty, per example.


class Regularized_Network(Neural_Network):
    def __init__(self, Lambda=0.0001):
        Neural_Network.__init__(self)
        self.Lambda = Lambda

    def costFunction(self, X, y):
        self.yHat = self.forward(X)
        J = 0.5 * sum((y - self.yHat) ** 2) / X.shape[0] + (self.Lambda / 2) * (np.sum(self.W1**2) + np.sum(self.W2**2))
        return J

    def costFunctionPrime(self, X, y):
        self.yHat = self.forward(X)
        delta3 = np.multiply(-(y - self.yHat), self.sigmoidPrime(self.z3))
        dJdW2 = np.dot(self.a2.T, delta3) / X.shape[0] + self.Lambda * self.W2
        delta2 = np.dot(delta3, self.W2.T) * self.sigmoidPrime(self.z2)
        dJdW1 = np.dot(X.T, delta2) / X.shape[0] + self.Lambda * self.W1
        return dJdW1, dJdW2


class Regularized_no_N(Regularized_Network):
    def costFunctionPrime(self, X, y):
        self.yHat = self.forward(X)
        delta3 = np.multiply(-(y - self.yHat), self.sigmoidPrime(self.z3))
        dJdW2 = np.dot(self.a2.T, delta3) + self.Lambda * self.W2
        delta2 = np.dot(delta3, self.W2.T) * self.sigmoidPrime(self.z2)
        dJdW1 = np.dot(X.T, delta2) + self.Lambda * self.W1
        return dJdW1, dJdW2


class Regularized_twice(Regularized_Network):
    def costFunctionPrime(self, X, y):
        self.yHat = self.forward(X)
        delta3 = np.multiply(-(y - self.yHat), self.sigmoidPrime(self.z3))
        dJdW2 = np.dot(self.a2.T, delta3) / X.shape[0] + 2 * self.Lambda * self.W2
        delta2 = np.dot(delta3, self.W2.T) * self.sigmoidPrime(self.z2)
        dJdW1 = np.dot(X.T, delta2) / X.shape[0] + 2 * self.Lambda * self.W1
        return dJdW1, dJdW2


class Regularized_one_layer(Regularized_Network):
    def costFunctionPrime(self, X, y):
        self.yHat = self.forward(X)
        delta3 = np.multiply(-(y - self.yHat), self.sigmoidPrime(self.z3))
        dJdW2 = np.dot(self.a2.T, delta3) / X.shape[0] + self.Lambda * self.W2
        delta2 = np.dot(delta3, self.W2.T) * self.sigmoidPrime(self.z2)
        dJdW1 = np.dot(X.T, delta2) / X.shape[0]
        return dJdW1, dJdW2


class Regularized_in_mean(Regularized_Network):
    def costFunctionPrime(self, X, y):
        self.yHat = self.forward(X)
        delta3 = np.multiply(-(y - self.yHat), self.sigmoidPrime(self.z3))
        dJdW2 = (np.dot(self.a2.T, delta3) + self.Lambda * self.W2) / X.shape[0]
        delta2 = np.dot(delta3, self.W2.T) * self.sigmoidPrime(self.z2)
        dJdW1 = (np.dot(X.T, delta2) + self.Lambda * self.W1) / X.shape[0]
        return dJdW1, dJdW2


nn = Neural_Network()
minus = NN_minus()
regularized = Regularized_Network(Lambda=0.37)

CASES = [
    *family(
        "class 2-3-1",
        nn.costFunction,
        nn.costFunctionPrime,
        NN,
        ["W1", "W2"],
        [
            of("W2 with the other sign", NN_sign, (Kind.SIGN,)),
            of("sigmoid for sigmoidPrime", NN_sigmoid_for_prime, (Kind.FUNCTION_FOR_DERIVATIVE,)),
            of("sigmoidPrime of a2", NN_prime_of_a2, (Kind.DERIVATIVE_ARGUMENT,)),
            of("sigmoidPrime of yHat", NN_prime_of_yHat, (Kind.DERIVATIVE_ARGUMENT,)),
            of("z2 for a2", NN_z2_for_a2, (Kind.QUANTITY,)),
        ],
        attributes=NN_WEIGHTS,
    ),
    *family(
        "class 2-3-1, minus gradient",
        minus.costFunction,
        minus.costFunctionPrime,
        NN,
        ["W1", "W2"],
        [],
        verdict="convention",
        attributes=NN_WEIGHTS,
    ),
    *family(
        "class 2-3-1 with penalty",
        regularized.costFunction,
        regularized.costFunctionPrime,
        NN,
        ["W1", "W2"],
        [
            of("without 1/N", lambda: Regularized_no_N(0.37), (Kind.MEAN,)),
            of("penalty doubled", lambda: Regularized_twice(0.37), (Kind.PENALTY,)),
            of("penalty on W2 alone", lambda: Regularized_one_layer(0.37), (Kind.PENALTY,)),
            of("penalty divided by N", lambda: Regularized_in_mean(0.37), (Kind.PENALTY,)),
        ],
        attributes=NN_WEIGHTS,
    ),
]
