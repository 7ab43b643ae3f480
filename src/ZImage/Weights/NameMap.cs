namespace ZImage.Weights;

/// <summary>
/// Gives the tensors of a checkpoint the names that the models ask for. Which layout a checkpoint has is seen from its names. Tensors
/// that no rule knows keep their names, so that <see cref="WeightReader.Finish"/> reports them.
/// </summary>
internal static class NameMap
{
    private const string FusedSuffix = ".attention.qkv.weight";

    private static readonly string[] TransformerPrefixes = ["model.diffusion_model.", "diffusion_model."];

    /// <summary>Other parts that an all-in-one file of ComfyUI carries beside a prefixed transformer.</summary>
    private static readonly string[] OtherParts = ["vae.", "first_stage_model.", "text_encoders.", "cond_stage_model."];

    private static readonly (string From, string To)[] TransformerStarts =
    [
        ("x_embedder.", "all_x_embedder.2-1."),
        ("final_layer.", "all_final_layer.2-1."),
    ];

    private static readonly (string From, string To)[] TransformerEnds =
    [
        (".attention.out.weight", ".attention.to_out.0.weight"),
        (".attention.q_norm.weight", ".attention.norm_q.weight"),
        (".attention.k_norm.weight", ".attention.norm_k.weight"),
    ];

    /// <summary>
    /// The transformer under its diffusers names. In the single-file layout (ComfyUI, the authors' own) the prefix
    /// <c>model.diffusion_model.</c> or <c>diffusion_model.</c> goes, embedder and final layer get their patch size, and the fused
    /// <c>qkv</c> [3·dim, dim] becomes <c>to_q</c>, <c>to_k</c> and <c>to_v</c>: views of its rows, in this order.
    /// <c>norm_final.weight</c>, which some checkpoints carry, perhaps as NaN, is no part of the model and goes too.
    /// </summary>
    public static IReadOnlyDictionary<string, StoredTensor> Transformer(IReadOnlyDictionary<string, StoredTensor> stored)
    {
        string prefix = Array.Find(TransformerPrefixes, candidate => stored.Keys.Any(name => name.StartsWith(candidate, StringComparison.Ordinal))) ?? "";
        Dictionary<string, StoredTensor> mapped = new(stored.Count, StringComparer.Ordinal);
        foreach ((string storedName, StoredTensor tensor) in stored)
        {
            if (prefix.Length > 0 && Array.Exists(OtherParts, part => storedName.StartsWith(part, StringComparison.Ordinal)))
            {
                continue;
            }

            string name = Strip(storedName, prefix);
            if (name == "norm_final.weight")
            {
                continue;
            }

            if (name.EndsWith(FusedSuffix, StringComparison.Ordinal) && tensor.Shape.Rank == 2 && tensor.Shape[0] % 3 == 0)
            {
                string attention = name[..^"qkv.weight".Length];
                int rows = tensor.Shape[0] / 3;
                Add(mapped, attention + "to_q.weight", storedName, tensor.Rows(0, rows));
                Add(mapped, attention + "to_k.weight", storedName, tensor.Rows(rows, rows));
                Add(mapped, attention + "to_v.weight", storedName, tensor.Rows(2 * rows, rows));
                continue;
            }

            Add(mapped, TransformerName(name), storedName, tensor);
        }

        return mapped;
    }

    /// <summary>
    /// The text encoder under the names of the bare Qwen3 model: the prefix <c>model.</c> of a causal-LM export goes, and so do the
    /// language-model head and the rotary frequencies of old exports, which the encoder does not use.
    /// </summary>
    public static IReadOnlyDictionary<string, StoredTensor> TextEncoder(IReadOnlyDictionary<string, StoredTensor> stored)
    {
        Dictionary<string, StoredTensor> mapped = new(stored.Count, StringComparer.Ordinal);
        foreach ((string storedName, StoredTensor tensor) in stored)
        {
            string name = Strip(storedName, "model.");
            if (name != "lm_head.weight" && !name.EndsWith("rotary_emb.inv_freq", StringComparison.Ordinal))
            {
                Add(mapped, name, storedName, tensor);
            }
        }

        return mapped;
    }

    private static string TransformerName(string name)
    {
        foreach ((string from, string to) in TransformerStarts)
        {
            if (name.StartsWith(from, StringComparison.Ordinal))
            {
                return to + name[from.Length..];
            }
        }

        foreach ((string from, string to) in TransformerEnds)
        {
            if (name.EndsWith(from, StringComparison.Ordinal))
            {
                return name[..^from.Length] + to;
            }
        }

        return name;
    }

    private static string Strip(string name, string prefix) => name.StartsWith(prefix, StringComparison.Ordinal) ? name[prefix.Length..] : name;

    private static void Add(Dictionary<string, StoredTensor> mapped, string name, string storedName, StoredTensor tensor)
    {
        if (!mapped.TryAdd(name, name == storedName ? tensor : tensor.Named(storedName)))
        {
            throw new ModelFormatException(
                $"{tensor.Source}: '{SafetensorsHeader.Show(storedName)}' and another tensor both stand for '{SafetensorsHeader.Show(name)}'.",
                "The checkpoint mixes two layouts; use one that was exported in one piece.");
        }
    }
}
