using ZImage.Tensors;

namespace ZImage.Generation;

/// <summary>The embeddings of the last few prompts, so that the same prompt with another seed skips the text encoder.</summary>
internal sealed class PromptCache
{
    private const int Capacity = 8;

    private readonly List<(int[] Ids, HostTensor Embeds)> entries = [];

    /// <summary>The known embeddings of these ids, or those that <paramref name="create"/> gives.</summary>
    public HostTensor GetOrAdd(IReadOnlyList<int> ids, Func<IReadOnlyList<int>, HostTensor> create)
    {
        int[] key = [.. ids];
        int index = entries.FindIndex(entry => entry.Ids.AsSpan().SequenceEqual(key));
        (int[], HostTensor) found = index >= 0 ? entries[index] : (key, create(ids));
        if (index >= 0)
        {
            entries.RemoveAt(index);
        }
        else if (entries.Count == Capacity)
        {
            entries.RemoveAt(Capacity - 1);
        }

        entries.Insert(0, found);
        return found.Item2;
    }
}
