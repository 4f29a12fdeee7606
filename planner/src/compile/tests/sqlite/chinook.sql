CREATE TABLE [Artist]
(
    [ArtistId] INTEGER  NOT NULL,
    [Name] NVARCHAR(120),
    CONSTRAINT [PK_Artist] PRIMARY KEY  ([ArtistId])
);
CREATE TABLE [Album]
(
    [AlbumId] INTEGER  NOT NULL,
    [Title] NVARCHAR(160)  NOT NULL,
    [ArtistId] INTEGER  NOT NULL,
    CONSTRAINT [PK_Album] PRIMARY KEY  ([AlbumId]),
    FOREIGN KEY ([ArtistId]) REFERENCES [Artist] ([ArtistId])
		ON DELETE NO ACTION ON UPDATE NO ACTION
);
CREATE TABLE [Employee] ([EmployeeId] INTEGER  NOT NULL, CONSTRAINT [PK_Employee] PRIMARY KEY  ([EmployeeId]));
CREATE TABLE [MediaType] ([MediaTypeId] INTEGER  NOT NULL, CONSTRAINT [PK_MediaType] PRIMARY KEY  ([MediaTypeId]));
CREATE TABLE [Genre] ([GenreId] INTEGER  NOT NULL, CONSTRAINT [PK_Genre] PRIMARY KEY  ([GenreId]));
CREATE TABLE [Customer]
(
    [CustomerId] INTEGER  NOT NULL,
    [FirstName] NVARCHAR(40)  NOT NULL,
    [LastName] NVARCHAR(20)  NOT NULL,
    [Company] NVARCHAR(80),
    [Address] NVARCHAR(70),
    [City] NVARCHAR(40),
    [State] NVARCHAR(40),
    [Country] NVARCHAR(40),
    [PostalCode] NVARCHAR(10),
    [Phone] NVARCHAR(24),
    [Fax] NVARCHAR(24),
    [Email] NVARCHAR(60)  NOT NULL,
    [SupportRepId] INTEGER,
    CONSTRAINT [PK_Customer] PRIMARY KEY  ([CustomerId]),
    FOREIGN KEY ([SupportRepId]) REFERENCES [Employee] ([EmployeeId])
		ON DELETE NO ACTION ON UPDATE NO ACTION
);
CREATE INDEX [IFK_CustomerSupportRepId] ON [Customer] ([SupportRepId]);
CREATE TABLE [Track]
(
    [TrackId] INTEGER  NOT NULL,
    [Name] NVARCHAR(200)  NOT NULL,
    [AlbumId] INTEGER,
    [MediaTypeId] INTEGER,
    [GenreId] INTEGER,
    [Composer] NVARCHAR(220),
    [Milliseconds] INTEGER  NOT NULL,
    [Bytes] INTEGER,
    [UnitPrice] NUMERIC(10,2)  NOT NULL,
    CONSTRAINT [PK_Track] PRIMARY KEY  ([TrackId]),
    FOREIGN KEY ([AlbumId]) REFERENCES [Album] ([AlbumId])
		ON DELETE CASCADE ON UPDATE NO ACTION,
    FOREIGN KEY ([GenreId]) REFERENCES [Genre] ([GenreId])
		ON DELETE NO ACTION ON UPDATE NO ACTION,
    FOREIGN KEY ([MediaTypeId]) REFERENCES [MediaType] ([MediaTypeId])
		ON DELETE NO ACTION ON UPDATE NO ACTION
);
CREATE INDEX [IFK_TrackGenreId] ON [Track] ([GenreId]);
CREATE INDEX [IFK_TrackMediaTypeId] ON [Track] ([MediaTypeId]);
CREATE INDEX [IFK_TrackAlbumId] ON [Track] ([AlbumId]);
CREATE INDEX [track_length] ON [Track] ([Milliseconds]);
CREATE TABLE [PlaylistTrack]
(
    [PlaylistId] INTEGER  NOT NULL,
    [TrackId] INTEGER  NOT NULL,
    CONSTRAINT [PK_PlaylistTrack] PRIMARY KEY  ([PlaylistId], [TrackId]),
    FOREIGN KEY ([TrackId]) REFERENCES [Track] ([TrackId])
		ON DELETE CASCADE ON UPDATE NO ACTION
);
-- Numbers that are never used twice, a key to itself, everything on one column, a generated column, a trigger that logs.
CREATE TABLE [Invoice]
(
    [InvoiceId] INTEGER PRIMARY KEY AUTOINCREMENT,
    -- the old name
    [Ref] NVARCHAR(20) COLLATE NOCASE NOT NULL ON CONFLICT ABORT CHECK (length([Ref]) > 1),
    [Parent] INTEGER REFERENCES [Invoice] ([InvoiceId]) ON DELETE CASCADE,
    [Total] NUMERIC(10,2) NOT NULL,
    [Cents] INTEGER AS ([Total] * 100) VIRTUAL,
    CONSTRAINT [one_ref] UNIQUE ([Parent], [Ref])
);
CREATE INDEX [invoice_ref] ON [Invoice] (lower([Ref]), [Total] DESC) WHERE [Ref] <> 'none';
CREATE TABLE [Log] ([LogId] INTEGER PRIMARY KEY, [Text] TEXT);
CREATE TRIGGER [invoice_log] AFTER UPDATE OF [Ref] ON [Invoice] WHEN OLD.[Ref] IS NOT NEW.[Ref]
BEGIN
    INSERT INTO [Log] ([Text]) VALUES (OLD.[Ref] || ' > ' || NEW.[Ref]);
END;
-- Neither a key nor a number of its own.
CREATE TABLE [Note] ([Body] TEXT NOT NULL, [Author] TEXT);
