using ZImage.Tensors;

namespace ZImage.Dit;

/// <summary>What the runs of one shape share: rotary tables, the modulations of the whole schedule, and the activations' memory.</summary>
internal sealed class TransformerRun
{
    /// <summary>Where the tokens stand.</summary>
    public required TokenLayout Layout { get; init; }

    /// <summary>Rotary tables of the image rows.</summary>
    public required RopeTables ImageRope { get; init; }

    /// <summary>Rotary tables of the text rows.</summary>
    public required RopeTables TextRope { get; init; }

    /// <summary>Rotary tables of all rows.</summary>
    public required RopeTables Rope { get; init; }

    /// <summary>Scratch of the blocks.</summary>
    public required BlockBuffers Buffers { get; init; }

    /// <summary>[longest text, TextDim]: one item's text-encoder output.</summary>
    public required Tensor Embeds { get; init; }

    /// <summary>[longest text, TextDim]: the same, normed.</summary>
    public required Tensor NormedEmbeds { get; init; }

    /// <summary>[image rows, dim]: the noise refiner's stream; with one item the first rows of <see cref="Unified"/>.</summary>
    public required Tensor Image { get; init; }

    /// <summary>[text rows, dim]: the context refiner's result.</summary>
    public required Tensor Text { get; init; }

    /// <summary>[rows, dim]: the main layers' stream.</summary>
    public required Tensor Unified { get; init; }

    /// <summary>[image rows, patch²·channels]: patches in and out.</summary>
    public required Tensor Tokens { get; init; }

    /// <summary>[steps, 4·dim] F32 per noise-refiner block.</summary>
    public required Tensor[] RefinerModulations { get; init; }

    /// <summary>[steps, 4·dim] F32 per main layer.</summary>
    public required Tensor[] LayerModulations { get; init; }

    /// <summary>[steps, dim] F32 of the final layer.</summary>
    public required Tensor FinalScales { get; init; }
}
