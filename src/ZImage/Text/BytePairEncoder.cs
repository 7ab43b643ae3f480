using System.Buffers;
using System.Collections.Concurrent;
using System.Text;

namespace ZImage.Text;

/// <summary>Byte-pair encoding of one piece: its bytes' tokens, merged pair by pair, lowest rank first and leftmost among equals. Safe for concurrent use.</summary>
internal sealed class BytePairEncoder
{
    // The reference remembers 10,000 pieces too; long ones rarely come again.
    private const int CachedPieces = 10_000, CachedLength = 256;

    private readonly int[] byteIds;
    private readonly Dictionary<ulong, Merge> merges;
    private readonly Dictionary<string, int>? wholePieces;
    private readonly ConcurrentDictionary<string, int[]> cache = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, int[]>.AlternateLookup<ReadOnlySpan<char>> cacheBySpan;
    private int cached;

    /// <summary>Creates the encoder from a checked definition.</summary>
    internal BytePairEncoder(TokenizerDefinition definition)
    {
        byteIds = new int[256];
        for (int value = 0; value < 256; value++)
        {
            byteIds[value] = definition.Vocabulary[ByteSymbols.Symbol((byte)value).ToString()];
        }

        merges = definition.Merges;
        wholePieces = definition.IgnoreMerges ? definition.Vocabulary : null;
        cacheBySpan = cache.GetAlternateLookup<ReadOnlySpan<char>>();
    }

    /// <summary>Appends the ids of a piece.</summary>
    /// <param name="piece">Well-formed UTF-16, not empty.</param>
    /// <param name="output">Receives the ids.</param>
    internal void Encode(ReadOnlySpan<char> piece, List<int> output)
    {
        if (cacheBySpan.TryGetValue(piece, out int[]? known))
        {
            output.AddRange(known);
            return;
        }

        int start = output.Count;
        EncodeBytes(piece, output);
        if (piece.Length <= CachedLength && Volatile.Read(ref cached) < CachedPieces
            && cache.TryAdd(piece.ToString(), [.. output[start..]]))
        {
            Interlocked.Increment(ref cached);
        }
    }

    private void EncodeBytes(ReadOnlySpan<char> piece, List<int> output)
    {
        int capacity = Encoding.UTF8.GetMaxByteCount(piece.Length);
        byte[] rented = ArrayPool<byte>.Shared.Rent(capacity);
        try
        {
            ReadOnlySpan<byte> bytes = rented.AsSpan(0, Encoding.UTF8.GetBytes(piece, rented));
            if (wholePieces is not null && wholePieces.TryGetValue(Spell(bytes), out int whole))
            {
                output.Add(whole);
            }
            else
            {
                MergePairs(bytes, output);
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(rented);
        }
    }

    // Symbols form a linked list; a heap holds the possible merges, so that a piece of n bytes costs O(n log n).
    private void MergePairs(ReadOnlySpan<byte> bytes, List<int> output)
    {
        int count = bytes.Length;
        var ids = new int[count];
        var next = new int[count];
        var previous = new int[count];
        var candidates = new PriorityQueue<int, ulong>(count);
        for (int i = 0; i < count; i++)
        {
            ids[i] = byteIds[bytes[i]];
            previous[i] = i - 1;
            next[i] = i + 1 < count ? i + 1 : -1;
        }

        for (int i = 0; i + 1 < count; i++)
        {
            AddCandidate(candidates, ids, i, i + 1);
        }

        while (candidates.TryDequeue(out int merged, out ulong key))
        {
            int left = (int)(key & uint.MaxValue);
            int right = ids[left] < 0 ? -1 : next[left];
            // An entry is stale when its symbols have changed since. The reference compares what the pair makes, not its rank; so does this.
            if (right < 0 || !merges.TryGetValue(Pair(ids[left], ids[right]), out Merge merge) || merge.Id != merged)
            {
                continue;
            }

            ids[left] = merged;
            ids[right] = -1;
            next[left] = next[right];
            if (next[right] >= 0)
            {
                previous[next[right]] = left;
                AddCandidate(candidates, ids, left, next[right]);
            }

            if (previous[left] >= 0)
            {
                AddCandidate(candidates, ids, previous[left], left);
            }
        }

        for (int i = 0; i >= 0; i = next[i])
        {
            output.Add(ids[i]);
        }
    }

    private void AddCandidate(PriorityQueue<int, ulong> candidates, int[] ids, int left, int right)
    {
        if (merges.TryGetValue(Pair(ids[left], ids[right]), out Merge merge))
        {
            candidates.Enqueue(merge.Id, ((ulong)(uint)merge.Rank << 32) | (uint)left);
        }
    }

    private static string Spell(ReadOnlySpan<byte> bytes)
    {
        var text = new StringBuilder(bytes.Length);
        foreach (byte value in bytes)
        {
            text.Append(ByteSymbols.Symbol(value));
        }

        return text.ToString();
    }

    /// <summary>The key of a pair of ids.</summary>
    internal static ulong Pair(int left, int right) => ((ulong)(uint)left << 32) | (uint)right;
}

/// <summary>What a pair of tokens becomes, and how early.</summary>
/// <param name="Rank">Position in the merge list; lower merges first.</param>
/// <param name="Id">The token that the pair makes.</param>
internal readonly record struct Merge(int Rank, int Id);
