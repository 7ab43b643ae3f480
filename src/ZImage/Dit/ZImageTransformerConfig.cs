using System.Globalization;
using ZImage.Weights;

namespace ZImage.Dit;

/// <summary>The shape of a <c>ZImageTransformer2DModel</c>: the fields of its config.json and what follows from them.</summary>
public sealed record ZImageTransformerConfig
{
    /// <summary>Side of the patches the engine uses, in latent pixels.</summary>
    public const int PatchSize = 2;

    /// <summary>Frames per patch the engine uses.</summary>
    public const int FramePatchSize = 1;

    /// <summary>eps of the per-head norms of q and k, which the reference does not take from <see cref="NormEps"/>.</summary>
    public const float QkNormEps = 1e-5f;

    /// <summary>Length of the vector that modulates the blocks, where the model is not narrower.</summary>
    public const int MaxAdaLnDim = 256;

    private const int MaxDim = 65536;
    private const int MaxLayers = 1024;

    private ZImageTransformerConfig()
    {
    }

    /// <summary>all_patch_size: patch sides for which the checkpoint has an embedder; holds <see cref="PatchSize"/>.</summary>
    public IReadOnlyList<int> AllPatchSize { get; private init; } = [2];

    /// <summary>all_f_patch_size: frames per patch, one for each entry of <see cref="AllPatchSize"/>.</summary>
    public IReadOnlyList<int> AllFramePatchSize { get; private init; } = [1];

    /// <summary>in_channels: channels of the latents, in and out.</summary>
    public int InChannels { get; private init; } = 16;

    /// <summary>dim: width of the residual stream.</summary>
    public int Dim { get; private init; } = 3840;

    /// <summary>n_layers: blocks over image and text together.</summary>
    public int LayerCount { get; private init; } = 30;

    /// <summary>n_refiner_layers: blocks of the noise refiner and of the context refiner, each.</summary>
    public int RefinerLayerCount { get; private init; } = 2;

    /// <summary>n_heads: attention heads; also the number of key and value heads.</summary>
    public int HeadCount { get; private init; } = 30;

    /// <summary>norm_eps: eps of the RMS norms.</summary>
    public float NormEps { get; private init; } = 1e-5f;

    /// <summary>qk_norm: whether q and k are normalised per head.</summary>
    public bool QkNorm { get; private init; } = true;

    /// <summary>cap_feat_dim: width of the text encoder's output.</summary>
    public int TextDim { get; private init; } = 2560;

    /// <summary>siglip_feat_dim: width of the picture features of the Omni variant; null without. Text-to-image does not use them.</summary>
    public int? SiglipDim { get; private init; }

    /// <summary>rope_theta: base of the rotary frequencies.</summary>
    public double RopeTheta { get; private init; } = 256;

    /// <summary>t_scale: what the time 0 to 1 is multiplied by before it is embedded.</summary>
    public float TimeScale { get; private init; } = 1000;

    /// <summary>axes_dims: elements of a head that turn with frame, row and column; even numbers, <see cref="HeadDim"/> in sum.</summary>
    public IReadOnlyList<int> AxesDims { get; private init; } = [32, 48, 48];

    /// <summary>axes_lens: positions per axis that the model was made for.</summary>
    public IReadOnlyList<int> AxesLens { get; private init; } = [1024, 512, 512];

    /// <summary>Elements per head.</summary>
    public int HeadDim => Dim / HeadCount;

    /// <summary>Width of the feed-forward layers: int(dim / 3 · 8), in double arithmetic as the reference computes it.</summary>
    public int FfnDim => (int)(Dim / 3.0 * 8);

    /// <summary>Length of the vector that modulates the blocks.</summary>
    public int AdaLnDim => Math.Min(Dim, MaxAdaLnDim);

    /// <summary>Values per patch: 2 · 2 · in_channels.</summary>
    public int PatchDim => PatchSize * PatchSize * FramePatchSize * InChannels;

    /// <summary>Reads transformer/config.json.</summary>
    /// <exception cref="ModelFormatException">A field is of the wrong type, out of range, or contradicts another.</exception>
    internal static ZImageTransformerConfig Read(ConfigReader config)
    {
        config.RequireClass("ZImageTransformer2DModel");
        config.RefuseQuantization();
        ZImageTransformerConfig defaults = new();
        int heads = config.Int32("n_heads", defaults.HeadCount, 1, 1024);
        ZImageTransformerConfig result = new()
        {
            AllPatchSize = config.Int32List("all_patch_size", defaults.AllPatchSize, 1, 64, 16),
            AllFramePatchSize = config.Int32List("all_f_patch_size", defaults.AllFramePatchSize, 1, 64, 16),
            InChannels = config.Int32("in_channels", defaults.InChannels, 1, 1024),
            Dim = config.Int32("dim", defaults.Dim, 1, MaxDim),
            LayerCount = config.Int32("n_layers", defaults.LayerCount, 1, MaxLayers),
            RefinerLayerCount = config.Int32("n_refiner_layers", defaults.RefinerLayerCount, 0, MaxLayers),
            HeadCount = heads,
            NormEps = (float)config.Number("norm_eps", 1e-5, 0, 1),
            QkNorm = config.Boolean("qk_norm", true),
            TextDim = config.Int32("cap_feat_dim", defaults.TextDim, 1, MaxDim),
            SiglipDim = config.OptionalInt32("siglip_feat_dim", 1, MaxDim),
            RopeTheta = config.Number("rope_theta", defaults.RopeTheta, 1, 1e12),
            TimeScale = (float)config.Number("t_scale", defaults.TimeScale, 1e-6, 1e9),
            AxesDims = config.Int32List("axes_dims", defaults.AxesDims, 2, 4096, 3),
            AxesLens = config.Int32List("axes_lens", defaults.AxesLens, 1, 1 << 24, 3),
        };

        // The reference has n_heads key heads whatever n_kv_heads says; a checkpoint made otherwise has tensors of another shape, which are reported.
        _ = config.Int32("n_kv_heads", heads, 1, 1024);
        return result.Checked(config.Error);
    }

    /// <summary>
    /// Finds the config from the tensors of a file that comes without one. What tensors cannot tell (eps, theta, t_scale) is as in every
    /// published Z-Image model; the rotary axes are known for a head of 128 elements only.
    /// </summary>
    /// <param name="tensors">Under diffusers names, see <see cref="NameMap.Transformer"/>.</param>
    /// <param name="source">The file, for messages.</param>
    /// <exception cref="ModelFormatException">Not a Z-Image transformer, or not to be told without config.json.</exception>
    internal static ZImageTransformerConfig Infer(IReadOnlyDictionary<string, StoredTensor> tensors, string source)
    {
        int[] embedder = Extents(tensors, source, "all_x_embedder.2-1.weight", 2);
        int dim = embedder[0];
        int head = Extents(tensors, source, "layers.0.attention.norm_q.weight", 1)[0];
        if (dim is < 1 or > MaxDim || embedder[1] % (PatchSize * PatchSize) != 0 || head < 1 || dim % head != 0)
        {
            throw Uninferable(source, $"an embedder [{dim}, {embedder[1]}] and heads of {head} elements do not fit each other");
        }

        if (head != 128)
        {
            throw Uninferable(source, $"the heads have {head} elements, and the rotary axes are known for 128 only");
        }

        int refiners = Blocks(tensors, source, "noise_refiner.");
        if (Blocks(tensors, source, "context_refiner.") != refiners)
        {
            throw Uninferable(source, "the two refiners have different numbers of blocks");
        }

        return new ZImageTransformerConfig
        {
            Dim = dim,
            InChannels = embedder[1] / (PatchSize * PatchSize),
            HeadCount = dim / head,
            LayerCount = Blocks(tensors, source, "layers."),
            RefinerLayerCount = refiners,
            TextDim = Extents(tensors, source, "cap_embedder.0.weight", 1)[0],
            SiglipDim = tensors.ContainsKey("siglip_embedder.0.weight") ? Extents(tensors, source, "siglip_embedder.0.weight", 1)[0] : null,
            AxesLens = [1536, 512, 512],
        }.Checked((key, problem, _) => Uninferable(source, $"{key} {problem}"));
    }

    private ZImageTransformerConfig Checked(Func<string, string, string?, ModelFormatException> error)
    {
        if (AllPatchSize.Count != AllFramePatchSize.Count)
        {
            throw error("all_f_patch_size", $"has {AllFramePatchSize.Count} entries and all_patch_size {AllPatchSize.Count}", null);
        }

        if (!AllPatchSize.Zip(AllFramePatchSize).Contains((PatchSize, FramePatchSize)))
        {
            throw error("all_patch_size", $"is [{string.Join(", ", AllPatchSize)}]; the engine needs {PatchSize} with {FramePatchSize} frame", null);
        }

        if (Dim % HeadCount != 0)
        {
            throw error("dim", $"is {Dim}, which {HeadCount} heads do not divide", null);
        }

        if (AxesDims.Count != 3 || AxesLens.Count != 3)
        {
            throw error("axes_dims", $"has {AxesDims.Count} entries and axes_lens {AxesLens.Count}; there are 3 axes", null);
        }

        if (AxesDims.Any(width => width % 2 != 0) || AxesDims.Sum() != HeadDim)
        {
            throw error("axes_dims", $"is [{string.Join(", ", AxesDims)}]; expected are even numbers whose sum is dim / n_heads = {HeadDim}", null);
        }

        return this;
    }

    private static int[] Extents(IReadOnlyDictionary<string, StoredTensor> tensors, string source, string name, int rank) =>
        !tensors.TryGetValue(name, out StoredTensor? tensor) ? throw Uninferable(source, $"there is no tensor '{name}'")
        : tensor.Shape.Rank != rank ? throw Uninferable(source, $"'{name}' has the shape {tensor.Shape}")
        : tensor.Shape.ToArray();

    private static int Blocks(IReadOnlyDictionary<string, StoredTensor> tensors, string source, string prefix)
    {
        HashSet<int> found = [];
        foreach (string name in tensors.Keys)
        {
            if (name.StartsWith(prefix, StringComparison.Ordinal) && name.IndexOf('.', prefix.Length) is > 0 and int end
                && int.TryParse(name.AsSpan(prefix.Length, end - prefix.Length), NumberStyles.None, CultureInfo.InvariantCulture, out int block))
            {
                found.Add(block);
            }
        }

        // A gap would make the highest number, not the tensors, decide how large the model is.
        return found.Count is > 0 and <= MaxLayers && found.Max() == found.Count - 1
            ? found.Count
            : throw Uninferable(source, $"the blocks '{prefix}N' are not numbered 0 to {MaxLayers - 1} without a gap");
    }

    private static ModelFormatException Uninferable(string source, string problem) =>
        new($"{source}: the transformer's config cannot be told from its tensors: {problem}.", "Put the model's config.json beside the file, or use a file of a Z-Image transformer.");
}
