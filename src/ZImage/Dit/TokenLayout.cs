using ZImage.Backends;

namespace ZImage.Dit;

/// <summary>Receives the position of a row: text or picture order, row and column.</summary>
internal delegate void PositionWriter(int row, int t, int r, int c);

/// <summary>
/// Where the tokens of a batch stand. Each item is a run of rows of its own, [image tokens, image padding, text tokens, text padding],
/// both kinds padded to a multiple of 32; items of different length follow each other without padding between them, and attention never
/// crosses from one to another. Padding positions do take part in attention.
/// </summary>
internal sealed class TokenLayout
{
    /// <summary>Both kinds of tokens are padded to a multiple of this.</summary>
    public const int SequenceMultiple = 32;

    private readonly int columnsOfPatches;
    private readonly int[] textStarts;
    private readonly int[] itemStarts;

    /// <summary>Lays out a batch.</summary>
    /// <param name="rowsOfPatches">Patch rows of a picture.</param>
    /// <param name="columnsOfPatches">Patch columns of a picture.</param>
    /// <param name="textTokens">Text tokens of each item, without padding.</param>
    public TokenLayout(int rowsOfPatches, int columnsOfPatches, IReadOnlyList<int> textTokens)
    {
        this.columnsOfPatches = columnsOfPatches;
        Items = textTokens.Count;
        ImageTokens = rowsOfPatches * columnsOfPatches;
        PaddedImageTokens = Pad(ImageTokens);
        textStarts = new int[Items + 1];
        itemStarts = new int[Items + 1];
        ImageSpans = new AttentionSpan[Items];
        TextSpans = new AttentionSpan[Items];
        Spans = new AttentionSpan[Items];
        for (int i = 0; i < Items; i++)
        {
            int text = Pad(textTokens[i]);
            textStarts[i + 1] = textStarts[i] + text;
            itemStarts[i + 1] = itemStarts[i] + PaddedImageTokens + text;
            ImageSpans[i] = new AttentionSpan(i * PaddedImageTokens, PaddedImageTokens);
            TextSpans[i] = new AttentionSpan(textStarts[i], text);
            Spans[i] = new AttentionSpan(itemStarts[i], PaddedImageTokens + text);
        }
    }

    /// <summary>Batch items.</summary>
    public int Items { get; }

    /// <summary>Image tokens of an item without padding.</summary>
    public int ImageTokens { get; }

    /// <summary>Image rows of an item.</summary>
    public int PaddedImageTokens { get; }

    /// <summary>Image rows of all items.</summary>
    public int ImageRows => Items * PaddedImageTokens;

    /// <summary>Text rows of all items.</summary>
    public int TextRows => textStarts[Items];

    /// <summary>All rows.</summary>
    public int Rows => itemStarts[Items];

    /// <summary>Items among the image rows.</summary>
    public AttentionSpan[] ImageSpans { get; }

    /// <summary>Items among the text rows.</summary>
    public AttentionSpan[] TextSpans { get; }

    /// <summary>Items among all rows.</summary>
    public AttentionSpan[] Spans { get; }

    /// <summary>First row of an item's text among the text rows.</summary>
    public int TextStart(int item) => textStarts[item];

    /// <summary>First row of an item among all rows.</summary>
    public int ItemStart(int item) => itemStarts[item];

    /// <summary>Text rows of an item.</summary>
    public int PaddedTextTokens(int item) => textStarts[item + 1] - textStarts[item];

    /// <summary>Rounds up to the sequence multiple.</summary>
    public static int Pad(int tokens) => (tokens + SequenceMultiple - 1) / SequenceMultiple * SequenceMultiple;

    /// <summary>Positions of the image rows.</summary>
    public void WriteImagePositions(PositionWriter write)
    {
        for (int i = 0; i < Items; i++)
        {
            WriteImage(i, i * PaddedImageTokens, write);
        }
    }

    /// <summary>Positions of the text rows.</summary>
    public void WriteTextPositions(PositionWriter write)
    {
        for (int i = 0; i < Items; i++)
        {
            WriteText(i, textStarts[i], write);
        }
    }

    /// <summary>Positions of all rows.</summary>
    public void WritePositions(PositionWriter write)
    {
        for (int i = 0; i < Items; i++)
        {
            WriteImage(i, itemStarts[i], write);
            WriteText(i, itemStarts[i] + PaddedImageTokens, write);
        }
    }

    /// <summary>Image token (r, c) stands at (text length + 1, r, c), padding at the origin.</summary>
    private void WriteImage(int item, int start, PositionWriter write)
    {
        for (int j = 0; j < PaddedImageTokens; j++)
        {
            if (j < ImageTokens)
            {
                write(start + j, PaddedTextTokens(item) + 1, j / columnsOfPatches, j % columnsOfPatches);
            }
            else
            {
                write(start + j, 0, 0, 0);
            }
        }
    }

    /// <summary>Text token j stands at (1 + j, 0, 0); the padding counts on.</summary>
    private void WriteText(int item, int start, PositionWriter write)
    {
        for (int j = 0; j < PaddedTextTokens(item); j++)
        {
            write(start + j, 1 + j, 0, 0);
        }
    }
}
