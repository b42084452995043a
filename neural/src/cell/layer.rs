//! Layers as data: sizes and weights, in one order whatever the file's.

/// One step of a network: so many numbers in, so many out, each frame.
pub(crate) enum Layer {
    /// Long short-term memory.
    Lstm(Lstm),
    /// Gated recurrent unit.
    Gru(Gru),
    /// Weighted sums.
    Dense(Dense),
    /// Weighted sums over this frame and earlier ones.
    Conv(Conv),
    /// `scale * x + shift`, each number its own.
    Affine {
        /// Factors.
        scale: Vec<f32>,
        /// What is added.
        shift: Vec<f32>,
    },
    /// `x` where positive, `slope * x` where not, each number its own slope.
    Prelu {
        /// Slopes.
        slopes: Vec<f32>,
    },
    /// A function of each number, or of all of them together.
    Activation {
        /// Which.
        function: Function,
        /// How many numbers.
        width: usize,
    },
}

impl Layer {
    /// Numbers that it takes each frame.
    pub fn inputs(&self) -> usize {
        match self {
            Self::Lstm(lstm) => lstm.inputs,
            Self::Gru(gru) => gru.inputs,
            Self::Dense(dense) => dense.inputs,
            Self::Conv(conv) => conv.inputs,
            Self::Affine { scale, .. } => scale.len(),
            Self::Prelu { slopes } => slopes.len(),
            Self::Activation { width, .. } => *width,
        }
    }

    /// Numbers that it gives each frame.
    pub fn outputs(&self) -> usize {
        match self {
            Self::Lstm(lstm) => lstm.hidden,
            Self::Gru(gru) => gru.hidden,
            Self::Dense(dense) => dense.bias.len(),
            Self::Conv(conv) => conv.bias.len(),
            Self::Affine { .. } | Self::Prelu { .. } | Self::Activation { .. } => self.inputs(),
        }
    }
}

/// Functions without weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Function {
    /// Hyperbolic tangent.
    Tanh,
    /// `1 / (1 + exp(-x))`.
    Sigmoid,
    /// `max(x, 0)`.
    Relu,
    /// `x` where positive, `exp(x) - 1` where not.
    Elu,
    /// `exp(x)` over the sum of all `exp(x)`.
    Softmax,
}

/// A layer of long short-term memory: gates `i`, `f`, `g`, `o` of `matrix * [x, h] + bias`, then
/// `c = sigmoid(f) c + sigmoid(i) tanh(g)` and `h = sigmoid(o) tanh(c)`.
pub(crate) struct Lstm {
    /// Numbers in.
    pub inputs: usize,
    /// Units, and numbers out.
    pub hidden: usize,
    /// `4 * hidden` rows (all units of `i`, then of `f`, `g`, `o`) of `inputs + hidden` numbers.
    pub matrix: Vec<f32>,
    /// `4 * hidden` numbers.
    pub bias: Vec<f32>,
    /// The output before the first frame.
    pub start_hidden: Vec<f32>,
    /// The memory before the first frame.
    pub start_cell: Vec<f32>,
}

impl Lstm {
    /// Numbers of a cell in a `.nam` file: matrix, bias, first output, first memory.
    pub fn count(inputs: usize, hidden: usize) -> usize {
        4 * hidden * (inputs + hidden) + 6 * hidden
    }

    /// A cell as a `.nam` file has it. `weights` are [`count`](Self::count) numbers.
    pub fn new(inputs: usize, hidden: usize, weights: &[f32]) -> Self {
        assert_eq!(weights.len(), Self::count(inputs, hidden), "the caller has counted a cell's weights");
        let (matrix, rest) = weights.split_at(4 * hidden * (inputs + hidden));
        let (bias, rest) = rest.split_at(4 * hidden);
        let (start_hidden, start_cell) = rest.split_at(hidden);
        Self {
            inputs,
            hidden,
            matrix: matrix.to_vec(),
            bias: bias.to_vec(),
            start_hidden: start_hidden.to_vec(),
            start_cell: start_cell.to_vec(),
        }
    }
}

/// A layer of gated recurrent units: `r = sigmoid(..)`, `z = sigmoid(..)`,
/// `n = tanh(Wx + input_bias + r (Uh + hidden_bias))`, `h = (1 - z) n + z h`. It starts from zeros.
pub(crate) struct Gru {
    /// Numbers in.
    pub inputs: usize,
    /// Units, and numbers out.
    pub hidden: usize,
    /// `3 * hidden` rows (all units of `r`, then of `z`, `n`) of `inputs + hidden` numbers.
    pub matrix: Vec<f32>,
    /// `3 * hidden` numbers that join the input's part.
    pub input_bias: Vec<f32>,
    /// `3 * hidden` numbers that join the recurrent part.
    pub hidden_bias: Vec<f32>,
}

/// Weighted sums of one frame.
pub(crate) struct Dense {
    /// Numbers in.
    pub inputs: usize,
    /// A row of `inputs` numbers for each number out.
    pub matrix: Vec<f32>,
    /// One for each number out.
    pub bias: Vec<f32>,
}

/// Weighted sums over frames: a causal convolution that has heard silence before the first frame.
pub(crate) struct Conv {
    /// Numbers in, each frame.
    pub inputs: usize,
    /// Frames that are summed over.
    pub kernel: usize,
    /// Frames from one of them to the next.
    pub dilation: usize,
    /// For each number out, for each tap from the earliest frame to the present one, `inputs` numbers.
    pub weights: Vec<f32>,
    /// One for each number out.
    pub bias: Vec<f32>,
}
